"""Which sinks there are, and how one is set up: by a file that is read strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from models.written.nodes import note, read_yaml
from models.written.shapes import validated
from models.written.texts import Misfit, close_to, read_text
from sessionwatch.delivery.sink import Sink
from sessionwatch.delivery.sinks.chat import ChatSink
from sessionwatch.delivery.sinks.elastic import ElasticSink
from sessionwatch.delivery.sinks.splunk import SplunkSink
from sessionwatch.delivery.sinks.syslog import SyslogSink
from sessionwatch.delivery.sinks.webhook import WebhookSink
from sessionwatch.errors import UsageError, WrittenError

SINKS: Final[dict[str, type[Sink]]] = {
    cls.name: cls for cls in (ChatSink, ElasticSink, SplunkSink, SyslogSink, WebhookSink)
}


def sink_of(path: Path) -> Sink:
    """The sink that the file at `path` describes.

    Raises:
        UsageError: there is no such file, or the secret is not where it says.
        WrittenError: the file has faults, all of them told.
        BrokerError: the address or the authority cannot be used.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; write one that says sink: and base:, as docs/siem.md shows")
    source = read_text(path)
    root = read_yaml(source) if not source.faults else None
    settings: Any = None
    cls: type[Sink] | None = None
    if root is not None:
        name = root.find(("sink",)).value
        cls = SINKS.get(name) if isinstance(name, str) else None
        if cls is None:
            message = f'there is no sink "{name}"' if isinstance(name, str) else 'the key "sink" is missing'
            note(source, root, [Misfit(("sink",), message, close_to(str(name), SINKS))])
        else:
            settings = validated(cls.Settings, root, source)
    if source.faults or cls is None:
        raise WrittenError(source.faults)
    sink = cls.of(settings)
    sink.settings = settings
    return sink
