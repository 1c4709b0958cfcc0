"""SLURM of one node on the loopback interface, for tests: without systemd and cgroups, in one folder.

``python tools/loopback.py install`` installs Debian's packages, ``... start FOLDER`` starts a cluster and prints
environment variables, ``... stop FOLDER`` stops it.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
CLIENTS = ("sacct", "sacctmgr", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sshare")
PROGRAMS = ("slurmctld", "slurmd", "munged", "munge", *CLIENTS)

_CONFIGURATION = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
{communication}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
# Without systemd and cgroups: memory is allotted, but a job that takes more is not stopped.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
# The node has as many cores and as much memory as it says, whatever the machine has.
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
# How long a finished job can be asked for. Without accounting this is all there is.
MinJobAge=3600
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=7-00:00:00 DefaultTime=00:05:00 DefMemPerCPU=100 State=UP
PartitionName=gpu Nodes={host} Default=NO MaxTime=2-00:00:00 DefaultTime=00:05:00 DefMemPerCPU=100 State=UP
"""


class ClusterError(RuntimeError):
    """The cluster does not start; the message contains the ends of its logs."""


def why_not() -> str | None:
    """Return what is missing for a cluster on this machine, or None."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return f"SLURM is not installed ({', '.join(missing)}); `make cluster-test` as root on Debian installs it"
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    try:
        socket.gethostbyname(_host())
    except OSError:
        return f"SLURM's daemons look up the machine's name; add `127.0.0.1 {_host()}` to /etc/hosts"
    return None


def install() -> None:
    """Install Debian's packages if a program is missing; raise ClusterError if that fails."""
    if all(shutil.which(name) for name in PROGRAMS):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ClusterError(f"SLURM is missing: install {' '.join(PACKAGES)}, or run this as root on Debian")
    # The run level prevents packages from starting services.
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        result = subprocess.run(
            ["apt-get", "--quiet", *arguments], env=environment, capture_output=True, text=True, check=False
        )
    if result.returncode != 0:
        raise ClusterError(f"apt-get cannot install {' '.join(PACKAGES)}:\n{(result.stdout + result.stderr)[-2000:]}")


class LoopbackCluster:
    """One node with configured cores, memory and GPUs, and partitions ``cpu`` (default) and ``gpu``.

    Parameters
    ----------
    folder
        Folder for configuration, state, spool and logs. Its path must be short, because it contains a socket.
    cpus, memory_mb, gpus
        Reported resources. GPUs are links to /dev/null, which SLURM allocates but nothing can use.
    """

    def __init__(self, folder: str | Path, cpus: int = 8, memory_mb: int = 64_000, gpus: int = 2) -> None:
        self.folder = Path(folder).resolve()
        self.cpus, self.memory_mb, self.gpus = cpus, memory_mb, gpus
        self._daemons: list[subprocess.Popen[bytes]] = []

    @property
    def configuration(self) -> Path:
        """Path of slurm.conf."""
        return self.folder / "slurm.conf"

    @property
    def programs(self) -> Path:
        """Folder of SLURM's programs for this cluster, for the beginning of PATH.

        Wrappers that set slurm.conf. SLURM_CONF is not sufficient: inside jobs Snakemake's plugin removes most SLURM
        variables.
        """
        return self.folder / "bin"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment for this cluster."""
        return os.environ | {"PATH": f"{self.programs}:{os.environ['PATH']}"}

    def __enter__(self) -> LoopbackCluster:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Write the configuration and start munged, slurmctld and slurmd; raise ClusterError on failure."""
        self._configure()
        try:
            self._launch(
                "munged", "--foreground", "--force", f"--key-file={self.folder}/munge.key",
                f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid",
                f"--log-file={self.folder}/log/munged.log", f"--seed-file={self.folder}/munged.seed",
            )  # fmt: skip
            self._wait("munged", lambda: self._works("munge", "-n", "-S", f"{self.folder}/munge.socket"))
            self._launch("slurmctld", "-D", "-f", str(self.configuration))
            self._wait("slurmctld", lambda: "is UP" in self.ask("scontrol", "ping"))
            self._launch("slurmd", "-D", "-f", str(self.configuration), "-N", _host())
            self._wait("slurmd", lambda: set(self.ask("sinfo", "-hN", "-o", "%t").split()) == {"idle"})
            # Daemons that cannot reach each other fail only here.
            if not self._works("timeout", "30", "srun", "-n1", "-t1", "true"):
                raise ClusterError(f"a job step does not run\n{self._logs()}")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Cancel all jobs and stop the daemons."""
        if self._works("timeout", "10", "scancel", "--user=root"):
            _until(lambda: not self.ask("squeue", "-h"), seconds=10)
        record = self.folder / "processes.json"
        started = json.loads(record.read_text()) if record.exists() else []
        for pid, since in reversed(started):
            # The number may belong to another process by now.
            if _started(pid) == since:
                os.kill(pid, signal.SIGTERM)
                if not _until(functools.partial(_ended, pid, since), seconds=10):
                    os.kill(pid, signal.SIGKILL)
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        _until(lambda: not self.processes(), seconds=10)
        for process in self._daemons:
            process.wait()
        self._daemons.clear()
        record.unlink(missing_ok=True)

    def ask(self, *command: str) -> str:
        """Return the output of a program of SLURM, empty on failure."""
        result = subprocess.run(self._called(command), capture_output=True, text=True, check=False)
        return result.stdout.strip() if result.returncode == 0 else ""

    def jobs(self) -> list[dict[str, str]]:
        """Return all jobs of the controller, oldest first; keys are those of ``scontrol show job``."""
        lines = self.ask("scontrol", "--oneliner", "show", "job").splitlines()
        found = [dict(item.split("=", 1) for item in line.split() if "=" in item) for line in lines]
        return sorted((job for job in found if "JobId" in job), key=lambda job: int(job["JobId"]))

    def processes(self) -> list[int]:
        """Return the numbers of all processes of this cluster and its jobs."""
        # Daemons and jobs alike have the folder in their PATH or SLURM_CONF.
        mark = f"{self.folder}/".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                is_ours = mark in (folder / "environ").read_bytes()
            except OSError:
                continue
            if is_ours and not _ended(int(folder.name), _started(int(folder.name))):
                found.append(int(folder.name))
        return found

    def _configure(self) -> None:
        for name in ("bin", "log", "state", "spool", "dev"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name in CLIENTS:
            program = self.programs / name
            program.write_text(f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {shutil.which(name)} "$@"\n')
            program.chmod(0o755)
        # munged requires a folder that others can enter, a secret key, and parents that others cannot write to.
        self.folder.chmod(0o755)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        # SLURM counts GPUs by their files, which must be devices whose names end in a number.
        for number in range(self.gpus):
            device = self.folder / f"dev/gpu{number}"
            device.unlink(missing_ok=True)
            device.symlink_to("/dev/null")
        (self.folder / "gres.conf").write_text(
            f"AutoDetect=off\nNodeName={_host()} Name=gpu File={self.folder}/dev/gpu[0-{self.gpus - 1}]\n"
        )
        # If the machine's name is not 127.0.0.1, srun would use two addresses.
        at_home = socket.gethostbyname(_host()) == "127.0.0.1"
        controller_port, node_port = _free_ports(2)
        self.configuration.write_text(
            _CONFIGURATION.format(
                host=_host(), folder=self.folder, cpus=self.cpus, memory_mb=self.memory_mb, gpus=self.gpus,
                controller_port=controller_port, node_port=node_port,
                communication="CommunicationParameters=NoInAddrAny,NoCtldInAddrAny" if at_home else "",
            )
        )  # fmt: skip

    def _launch(self, *command: str) -> None:
        """Start a daemon in a separate session, so that it survives an interrupted test."""
        with (self.folder / f"log/{command[0]}.out").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._daemons.append(process)
        record = self.folder / "processes.json"
        started = json.loads(record.read_text()) if record.exists() else []
        record.write_text(json.dumps([*started, [process.pid, _started(process.pid)]]))

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        if not _until(ready, seconds=20):
            raise ClusterError(f"{name} does not start\n{self._logs()}")

    def _works(self, *command: str) -> bool:
        return subprocess.run(self._called(command), capture_output=True, check=False).returncode == 0

    def _called(self, command: tuple[str, ...]) -> list[str]:
        """Return a command with this cluster's wrapper."""
        return [str(self.programs / word) if word in CLIENTS else word for word in command]

    def _logs(self) -> str:
        logs = sorted((self.folder / "log").iterdir())
        return "\n".join(f"== {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in logs)


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _free_ports(count: int) -> list[int]:
    """Find free ports of the loopback interface."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _stat(pid: int) -> list[str]:
    """Return fields of /proc/PID/stat from the state on, empty without such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _started(pid: int) -> str:
    """Return the start time of a process in ticks; together with the number it identifies a process."""
    fields = _stat(pid)
    return fields[19] if fields else ""


def _ended(pid: int, since: str) -> bool:
    return _started(pid) != since or _stat(pid)[0] == "Z"


def _until(ready: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        time.sleep(0.1)
    return False


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["install", "start", "stop"])
    parser.add_argument("folder", nargs="?", default="/tmp/gliofit-slurm")
    arguments = parser.parse_args()
    try:
        if arguments.what == "install":
            install()
        elif arguments.what == "stop":
            LoopbackCluster(arguments.folder).stop()
        else:
            reason = why_not()
            if reason is not None:
                raise ClusterError(reason)
            cluster = LoopbackCluster(arguments.folder)
            cluster.start()
            print(f"export PATH={cluster.programs}:$PATH")
    except ClusterError as error:
        raise SystemExit(f"loopback: {error}") from error


if __name__ == "__main__":
    _main()
