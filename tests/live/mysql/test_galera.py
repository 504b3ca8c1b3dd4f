"""Members of a real Galera cluster: each is known as one, and each is changed by itself."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest
from tests.chaos.site import await_that
from tests.live.mysql.scene import by_hand, running

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.errors import UnavailableError

pytestmark = pytest.mark.live
PROVIDER = "libgalera_smm.so"
CONF = """[mysqld]
wsrep_on = ON
binlog_format = ROW
innodb_autoinc_lock_mode = 2
wsrep_provider = {provider}
wsrep_cluster_address = gcomm://{others}
wsrep_node_address = 127.0.0.1:{port}
wsrep_sst_method = skip
wsrep_provider_options = "base_host=127.0.0.1;base_port={port};\
gmcast.listen_addr=tcp://127.0.0.1:{port};ist.recv_addr=127.0.0.1:{ist}"
"""


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@pytest.fixture
def members(start_mariadb):
    """Two members, the second of which is never done with joining: its state is skipped, not transferred."""
    probe = start_mariadb()
    provider = probe.binaries.tree / "lib" / "plugin" / PROVIDER
    if not provider.is_file():
        pytest.skip(f"this build of MariaDB {probe.binaries.version} brings no {PROVIDER}")
    first, ist, second, other_ist = free_ports(4)
    one = start_mariadb(conf=CONF.format(provider=provider, others="", port=first, ist=ist))
    joining = CONF.format(provider=provider, others=f"127.0.0.1:{first}", port=second, ist=other_ist)
    two = start_mariadb(conf=joining)
    size = "SHOW STATUS LIKE 'wsrep_cluster_size'"
    await_that(lambda: by_hand(one, size)[0][1] == "2", "the second has come")
    return one, two


def test_a_member_says_what_it_is_part_of_and_one_that_is_not_ready_says_so(members, tmp_path):
    with Setpoint.create(str(tmp_path / "store.db"), actor="ada") as setpoint:
        for name, server in zip(("one", "two"), members, strict=True):
            setpoint.add_instance(name, Instance(engine="mariadb", target=server.dsn), reason="first")
        await_that(lambda: "Synced" in setpoint.observe("one")[0].facts.cluster, "the first is synced")
        facts = setpoint.observe("one")[0].facts
        assert (facts.cluster, facts.role) == ("Galera, 2 members, Primary, Synced", "primary")
        setpoint.change_settings("instance:one", {"max_connections": "171"}, reason="wanted")
        setpoint.apply(setpoint.plan("one").plan)
        assert running(members[0], "max_connections") == "171"
        with pytest.raises(UnavailableError, match=r"has not yet prepared node.*synced member"):
            setpoint.observe("two")
