"""The launchers, with stand-ins for rfv2, nvidia-smi, srun and apptainer."""

import time
from pathlib import Path

import pytest


def test_two_machines_form_one_cluster(bash, reports):
    for node in range(2):
        arguments = ["--cpu", "--processes", 2, "--hosts", "n1,n2", "--node", node, "--port", 7000]
        assert bash("launch.sh", *arguments, "pretrain", "c.json", "--set", "a=b").returncode == 0
    told = reports()
    workers = ["n1:7000", "n1:7001", "n2:7002", "n2:7003"]
    assert [cluster["cluster"]["worker"] for cluster, _, _ in told] == [workers] * 4
    assert [cluster["task"] for cluster, _, _ in told] == [{"type": "worker", "index": i} for i in range(4)]
    assert {(gpu, arguments) for _, gpu, arguments in told} == {("-1", "pretrain c.json --set a=b")}


def test_one_process_per_gpu(bash, program, reports):
    """Without options: this machine alone, all its GPUs."""
    program("nvidia-smi", "#!/bin/sh\nprintf '0\\n1\\n2\\n'\n")
    assert bash("launch.sh", "pretrain", "c.json").returncode == 0
    told = reports()
    assert [gpu for _, gpu, _ in told] == ["0", "1", "2"]
    assert len(set(told[0][0]["cluster"]["worker"])) == 3


def test_given_gpus_are_dealt_out(bash, reports, monkeypatch):
    """CUDA_VISIBLE_DEVICES of the caller is respected, and no process goes without."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    result = bash("launch.sh", "--processes", 3, "pretrain", "c.json")
    assert result.returncode == 2
    assert "there are 2 GPUs" in result.stderr
    assert bash("launch.sh", "pretrain", "c.json").returncode == 0
    assert [gpu for _, gpu, _ in reports()] == ["5", "7"]


def test_a_process_that_fails_stops_the_others(bash, program):
    """Process 1 fails; process 0, which would sleep for a minute, is stopped, and the status is that of process 1."""
    program("rfv2", '#!/bin/bash\ncase "$TF_CONFIG" in *\'"index": 1\'*) exit 7 ;; *) exec sleep 60 ;; esac\n')
    begin = time.monotonic()
    result = bash("launch.sh", "--cpu", "--processes", 2, "pretrain")
    assert time.monotonic() - begin < 30
    assert result.returncode == 7
    assert "ended with status 7" in result.stderr


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_hidden_gpus_are_not_used(bash, program, reports, monkeypatch, hidden):
    program("nvidia-smi", "#!/bin/sh\necho 0\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    result = bash("launch.sh", "pretrain", "c.json")
    assert result.returncode == 2
    assert "finds no GPU" in result.stderr
    assert reports() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cpu", "x"],
        ["--cpu", "--processes", "0", "x"],
        ["--cpu", "--processes", "1", "--hosts", "a,b", "x"],
        ["--cpu", "--processes", "1", "--hosts", "a,b", "--node", "2", "x"],
        ["--cpu", "--processes", "1", "--hosts", 'a"', "--node", "0", "x"],
        ["--cpu", "--processes", "1", "--node", "0", "x"],
        ["--cpu", "--processes", "1"],
    ],
    ids=" ".join,
)
def test_launch_that_cannot_be(bash, reports, arguments):
    result = bash("launch.sh", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith("launch.sh: ")
    assert reports() == []


# --- slurm.sh --------------------------------------------------------------------------------------------------------


@pytest.fixture
def srun_command(bash, program, monkeypatch):
    """Function that gives the srun command that the script ends in."""
    program("srun", '#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program("apptainer", "#!/bin/sh\n")
    monkeypatch.setenv("SLURM_JOB_ID", "1")

    def run(*arguments):
        result = bash("slurm.sh", *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()

    return run


def test_tasks_follow_the_nodes_and_end_together(srun_command, monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "6")
    command = srun_command("-", "pretrain", "a b.json")
    assert command[-3:] == ["rfv2", "pretrain", "a b.json"]
    assert {"--kill-on-bad-exit=1", "--distribution=block", "--cpus-per-task=6"} == set(command[:-3])


def test_containers(srun_command, monkeypatch):
    monkeypatch.setenv("MOUNTS", "/data,/scratch")
    here = Path.cwd()
    mounts = f"{here}:{here},/data:/data,/scratch:/scratch"
    command = srun_command("rfv2.sif", "pretrain", "c.json")
    assert command[-9:] == ["--nv", "--bind", mounts, "--pwd", str(here), "rfv2.sif", "rfv2", "pretrain", "c.json"]
    command = srun_command("rfv2.sqsh", "pretrain", "c.json")
    assert command[-3:] == ["rfv2", "pretrain", "c.json"]
    assert {"--container-image=rfv2.sqsh", f"--container-mounts={mounts}", f"--container-workdir={here}"} <= set(
        command
    )


def test_slurm_asks_for_a_task_per_gpu(scripts):
    """Directives stand before the first command, where sbatch reads them."""
    lines = (scripts / "slurm.sh").read_text().splitlines()
    directives = dict(
        line.split()[1].lstrip("-").split("=") for line in lines if line.startswith("#SBATCH") and "=" in line
    )
    assert directives["ntasks-per-node"] == directives["gpus-per-node"]
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert all(i < first for i, line in enumerate(lines) if line.startswith("#SBATCH"))


def test_slurm_script_outside_slurm(bash, program, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    result = bash("slurm.sh", "-", "pretrain")
    assert result.returncode == 2
    assert "is for sbatch" in result.stderr
