"""A process that works in a lane: the Faust app around it, with everything of Faust off that the lane does itself."""

from __future__ import annotations

import logging
import tempfile
from typing import Any

import faust
from mode import Service

from streams.kafka.batches import Judge, Ranker
from streams.kafka.changelog import Changelog
from streams.kafka.connection import Connection
from streams.kafka.faust_private import install
from streams.kafka.lane import Lane
from streams.kafka.outputs import Outputs
from streams.kafka.settings import LaneSettings
from streams.kafka.watchdog import watch_exit


def lane_of(settings: LaneSettings, connection: Connection, judge: Judge, rank: Ranker) -> Lane:
    """A lane with its own clients for writing and for recovery."""
    clients = connection.for_aiokafka()
    changelog = Changelog(settings.changelog, rank, clients)
    outputs = Outputs(clients | {"request_timeout_ms": int(settings.request_timeout_s * 1000)})
    return Lane(settings, judge, changelog, outputs)


def app_of(lane: Lane, connection: Connection) -> faust.App:
    """The app that keeps the lane in its group."""
    settings = lane.settings
    app = faust.App(
        settings.group,
        **connection.for_faust(),
        datadir=settings.data_folder or tempfile.mkdtemp(prefix="sessionwatch-"),
        store="memory://",
        key_serializer="raw",
        value_serializer="raw",
        processing_guarantee="at_least_once",
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        # There are no tables: this only selects the assignor that leaves partitions where they are.
        table_standby_replicas=1,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.member or None,
        broker_commit_interval=settings.commit_every_s,
        broker_max_poll_records=settings.fetch_records_max,
        consumer_max_fetch_size=4 << 20,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_every_s,
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        broker_request_timeout=settings.request_timeout_s,
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
    )
    install(app, lane)
    app.topics.add(app.topic(settings.topic, key_type=bytes, value_type=bytes, value_serializer="raw"))
    watch_exit(lambda: bool(app.crashed or app.should_stop), settings.exit_max_s)
    return app


class _Beside(Service):
    """Starts an app without anybody waiting for it: one after the other, each would wait for its group to settle."""

    def __init__(self, app: faust.App) -> None:
        super().__init__()
        self._app = app

    @Service.task
    async def _start(self) -> None:
        # It becomes a child, so that it stops with all, and ends all where it crashes.
        await self.add_runtime_dependency(self._app)


def work(*apps: faust.App, loglevel: str = "WARNING", own_log: bool = False) -> None:
    """Work in all of `apps` until SIGTERM or SIGINT, which drain; raises what an app crashed on.

    `own_log`: the caller has set up who writes what is logged.
    """
    logging.getLogger("faust").setLevel(loglevel)
    beside = [_Beside(app) for app in apps[1:]]
    worker: Any = faust.Worker(
        apps[0], *beside, loglevel=loglevel, redirect_stdouts=False, quiet=True, override_logging=not own_log
    )
    worker.execute_from_commandline()
