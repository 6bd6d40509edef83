"""How to make an engine: rule files and databases by path, so that every worker process makes the same one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from geo.bundled import Say, bundled_map
from geo.databases import Databases
from geo.locator import Locator
from sessionwatch.engine.buckets import share
from sessionwatch.engine.in_order import Engine
from sessionwatch.engine.quiet import Quiet
from sessionwatch.ruleset.compiled import Ruleset
from sessionwatch.ruleset.loading import load_ruleset
from sessionwatch.ruleset.network_lists import load_network_lists


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """Rule files or folders, geo databases, lists of the site's networks, and whether near misses are wanted.

    `bundled`: whether the map that comes with sessionwatch answers what the databases leave open; `map_folder`: where
    it lies unpacked, if not in the user's cache. `relocate`: places that a database of an earlier run wrote into events
    are looked up anew. Plain data: it goes to workers.
    """

    rules: tuple[Path, ...]
    geo: tuple[Path, ...] = ()
    near_misses: bool = False
    networks: tuple[Path, ...] = ()
    bundled: bool = True
    map_folder: Path | None = None
    relocate: bool = False

    def ruleset(self) -> Ruleset:
        """The rules, compiled.

        Raises: RulesetError with every fault.
        """
        return load_ruleset(self.rules, near_misses=self.near_misses)

    def engine(
        self, worker: int = 0, workers: int = 1, say: Say | None = None, *, ruleset: Ruleset | None = None
    ) -> Engine:
        """The engine of one of `workers` workers. `say` hears when the bundled map is unpacked.

        `ruleset`: the rules, where they have been loaded already, which takes a second.

        Raises: RulesetError with every fault, also of a list of networks; DatabaseError where a database cannot be
        used.
        """
        ruleset = ruleset or self.ruleset()
        locator = self.locator(attributes_read(ruleset), say)
        return Engine(ruleset, locator, owns=share(worker, workers) if workers > 1 else None)

    def locator(self, reads: frozenset[str] | None = None, say: Say | None = None) -> Locator:
        """What places events: databases, the bundled map and lists of networks. `reads` as the locator takes it.

        Raises: RulesetError with every fault of a list of networks; DatabaseError where a database cannot be used.
        """
        lists = load_network_lists(self.rules, self.networks)
        databases = Databases.open(self.geo, bundled_map(say, self.map_folder) if self.bundled else None)
        return Locator(databases, networks=lists.site, curated=lists.curated, reads=reads, relocate=self.relocate)

    def shared(self, folder: Path) -> EnginePlan:
        """The plan for several workers: a map that could be unpacked into memory alone lies in `folder` for all."""
        if not self.bundled or not bundled_map(folder=self.map_folder).in_memory:
            return self
        bundled_map(folder=self.map_folder).write(folder)
        return replace(self, map_folder=folder)

    def quiet(self, engine: Engine) -> Quiet | None:
        """What finds the subjects that `engine` need not judge; None where near misses are wanted, for those need it.

        Addresses that it looks up are known to the engine then.
        """
        return None if self.near_misses else Quiet(engine.ruleset, engine.locator.twin())


def attributes_read(ruleset: Ruleset) -> frozenset[str]:
    """The keys of `attributes` that some rule's condition or detector reads."""
    return frozenset().union(*(rule.reads | rule.detector.reads for rule in ruleset.rules))
