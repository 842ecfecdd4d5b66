"""Where processes on several machines meet: the leader says which jobs there are, the others join in."""

from __future__ import annotations

import json
import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from lightning_fabric.plugins.environments import SLURMEnvironment
from torch.distributed import DistNetworkError, DistStoreError, PrefixStore, TCPStore

from belle_core.nodes import Place
from belle_core.processes import Workers, free_port
from belle_core.stages import StageContext

LOOK = 0.2  # seconds
PATIENCE = 20.0
"""Seconds that the leader waits for the others to hear of the end."""


class Meeting:
    """A small store of PyTorch at ``MASTER_ADDR:MASTER_PORT``, torchrun's own where it keeps one."""

    def __init__(self, place: Place) -> None:
        self.place = place
        slurm = SLURMEnvironment() if place.slurm else None
        self.address = slurm.main_address if slurm else os.environ["MASTER_ADDR"]
        port = slurm.main_port if slurm else int(os.environ["MASTER_PORT"])
        hosts = place.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        store = TCPStore(self.address, port, is_master=hosts, wait_for_workers=False, timeout=timedelta(minutes=10))
        self.store = PrefixStore(f"belle/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
        self.number = self.store.add(f"meetings/{place.rank}", 1)
        self.jobs = 0

    def lead(self, job: Path) -> dict[str, str]:
        """Tell the others of *job*; returns this process's part in it."""
        port = free_port()
        self._say({"job": str(job), "port": port})
        return self.place.environment(self.address, port)

    def end(self, status: int) -> None:
        """Tell the others that there is no more, and wait until they know."""
        self._say({"end": status})
        until = time.monotonic() + PATIENCE
        while self.store.add(f"{self.number}/left", 0) < self.place.ranks - 1 and time.monotonic() < until:
            time.sleep(LOOK)

    def follow(self) -> int:
        """Join in until there is no more; returns the exit status."""
        try:
            while True:
                said = self._hear()
                if "end" in said:
                    self.store.add(f"{self.number}/left", 1)
                    return int(said["end"])
                self._join(said)
        except (DistNetworkError, DistStoreError):  # the leader is gone
            return 1

    def _join(self, said: dict[str, Any]) -> None:
        place = self.place.environment(self.address, said["port"])
        Workers(Path(said["job"]), [place], StageContext(Path(said["job"]).parent, {}, {})).follow()

    def _say(self, message: dict[str, Any]) -> None:
        self.store.set(f"{self.number}/{self.jobs}", json.dumps(message))
        self.jobs += 1

    def _hear(self) -> dict[str, Any]:
        key = f"{self.number}/{self.jobs}"
        while not self.store.check([key]):
            time.sleep(LOOK)
        self.jobs += 1
        heard: dict[str, Any] = json.loads(self.store.get(key))
        return heard
