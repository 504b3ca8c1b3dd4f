from __future__ import annotations

import subprocess
import sys

from setpoint.faces.demo import janitor


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-I", "-S", janitor.__file__, str(folder)], stdin=subprocess.PIPE
    )


def test_the_folder_goes_when_the_pipe_ends(tmp_path):
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    process = start(folder)
    assert folder.is_dir()
    process.communicate()
    assert process.returncode == 0
    assert not folder.exists()


def test_it_waits_for_a_server_with_data_in_the_folder(tmp_path):
    mark = tmp_path / "folder" / "data" / "postmaster.pid"
    mark.parent.mkdir(parents=True)
    mark.touch()
    assert janitor.is_in_use(tmp_path / "folder")
    mark.unlink()
    assert not janitor.is_in_use(tmp_path / "folder")


def test_a_folder_that_is_gone_already_is_no_fault(tmp_path):
    assert janitor.remove(tmp_path / "absent")


def test_it_waits_for_a_server_whose_keeper_is_there(tmp_path):
    keeper = tmp_path / "folder" / "sp-home" / janitor.KEEPER
    keeper.parent.mkdir(parents=True)
    keeper.touch()
    assert janitor.is_in_use(tmp_path / "folder")
    keeper.unlink()
    assert not janitor.is_in_use(tmp_path / "folder")
