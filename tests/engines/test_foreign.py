"""Files of products beside databases are refused by name, and a database's file never is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from setpoint.engines.document import Document
from setpoint.engines.foreign import looks_like
from setpoint.engines.recognition import read_document

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
ENGINES = ("mariadb", "mysql", "oracle", "postgresql", "sqlserver")
FILES = {
    "pgbouncer": "[databases]\napp = host=h\n[pgbouncer]\npool_mode = session\nmax_client_conn = 100\n",
    "proxysql": 'datadir="/v"\nadmin_variables=\n{\n}\nmysql_variables=\n{\n threads=4\n}\n',
    "cockroachdb": 'distsender_batches{store="1"} 4\nranges_overreplicated 0\nraft_ticks 7\n',
    "cassandra": "cluster_name: 'a'\nnum_tokens: 16\nendpoint_snitch: Simple\ncommitlog_sync: periodic\n",
    "redis": "bind 127.0.0.1\nmaxmemory 2gb\nmaxmemory-policy allkeys-lru\nappendonly yes\nsave 900 1\n",
    "mongodb": "storage:\n  dbPath: /v\n  wiredTiger:\n    engineConfig:\nnet:\n  bindIp: 127.0.0.1\n",
    "elasticsearch": "cluster.name: a\nnode.name: b\ndiscovery.seed_hosts: [h]\nnetwork.host: 0.0.0.0\n",
    "pgpool": "backend_hostname0 = 'h'\nload_balance_mode = on\nnum_init_children = 32\nport = 9999\n",
    "patroni": "scope: a\nbootstrap:\n  dcs:\n    ttl: 30\n    loop_wait: 10\nrestapi:\n  listen: h\n",
    "maxscale": "[maxscale]\nthreads=auto\n[s1]\ntype=server\naddress=h\n[r]\nrouter=readwritesplit\n",
    "haproxy": "defaults\n  mode tcp\nfrontend pg\n  bind *:5432\nbackend db\n  balance roundrobin\n",
    "nginx": "worker_processes 4;\nhttp {\n  server {\n    location / {\n    }\n  }\n}\n",
    "etcd": "etcd_server_has_leader 1\netcd_debugging_mvcc_keys_total 5\n",
    "node_exporter": "node_load1 0.5\nnode_memory_MemFree_bytes 1e9\nnode_filesystem_size_bytes 1e9\n",
    "clickhouse": "ClickHouseProfileEvents_Query 5\nClickHouseMetrics_Query 1\n",
    "db2": " Database Manager Configuration\n Database heap (4KB) (DBHEAP) = AUTOMATIC(1200)\n",
    "sap-ase": "[Configuration Options]\n[Named Cache:default data cache]\nnumber of user connections = 25\n",
    "memcached": "STAT pid 1\nSTAT uptime 5\nSTAT limit_maxbytes 67108864\nEND\n",
    "rabbitmq": "listeners.tcp.default = 5672\nvm_memory_high_watermark.relative = 0.4\n",
    "kafka": "broker.id=0\nzookeeper.connect=h:2181\nlog.retention.hours=168\nport=9092\n",
    "sqlite": "SQLite format 3\0\x10\0\1\1\0@  \0\0\0\2\0\0\0\1",
    "php": "[PHP]\nmemory_limit = 128M\nupload_max_filesize = 2M\ndisplay_errors = Off\n",
    "odoo": "[options]\naddons_path = /a\ndb_maxconn = 64\nadmin_passwd = x\n",
    "systemd": "[Unit]\nDescription=PostgreSQL\n[Service]\nExecStart=/usr/bin/postgres\n[Install]\n",
    "ssh": "Port 22\nPermitRootLogin no\nPasswordAuthentication no\n",
    "docker-compose": "services:\n  db:\n    image: postgres:16\n    environment:\n      A: b\n",
    "kubernetes": "apiVersion: v1\nkind: ConfigMap\ndata:\n  postgresql.conf: |\n    jit = off\n",
    "sysctl": "vm.swappiness = 1\nkernel.shmmax = 5\nnet.core.somaxconn = 1024\nfs.file-max = 5\n",
}


OUTPUT = {
    "pgbouncer": [
        "    list      | items\n--------------+-------\n databases    |     2\n users        |     2\n",
        " database | user | cl_active | cl_waiting | sv_active\n",
        "    version\n---------------\n PgBouncer 1.21.0\n",
    ],
    "proxysql": [
        "| variable_name         | variable_value |\n+---+---+\n| mysql-max_connections | 2048 |\n",
        "| admin-version | 2.5.1 |\n",
        "*** 1. row ***\n Variable_Name: SQLite3_memory_bytes\nVariable_Value: 5\n",
        "# TYPE proxysql_uptime_seconds_total counter\nproxysql_uptime_seconds_total 7\n",
    ],
    "redis": ["# HELP redis_up Is it up\n# TYPE redis_up gauge\nredis_up 1\n"],
    "mongodb": ["# TYPE mongodb_up gauge\nmongodb_up 1\n"],
    "elasticsearch": ["# TYPE elasticsearch_cluster_health_status gauge\n"],
    "node_exporter": ['node_cpu_seconds_total{cpu="0"} 5\n'],
}
"""Further files of these: what their consoles and their exporters print."""


def products():
    body = files("setpoint.engines").joinpath("foreign.yaml").read_bytes()
    return {each["product"] for each in msgspec.yaml.decode(body)}


def document(text):
    return Document.of("file", text.encode())


def samples():
    return sorted(SAMPLES.glob("*/*")) if SAMPLES.is_dir() else []


def test_every_product_has_a_file_here():
    assert products() == set(FILES)


@pytest.mark.parametrize("product", sorted(FILES))
def test_a_products_file_is_refused_by_its_name(product):
    strange = looks_like(document(FILES[product]))
    assert strange is not None
    assert strange.product == product
    (dump,) = read_document(document(FILES[product]))
    assert (dump.engine, dump.kind) == (None, product)
    (problem,) = dump.problems
    assert problem.message.startswith(f"this is {strange.what}")
    assert not dump.settings
    assert not dump.samples


@pytest.mark.parametrize("product", sorted(OUTPUT))
def test_what_its_console_or_exporter_prints_is_refused_by_its_name(product):
    for text in OUTPUT[product]:
        (dump,) = read_document(document(text))
        assert (dump.engine, dump.kind) == (None, product)


def test_a_users_or_an_options_name_like_a_products_makes_no_file_the_products():
    text = "# proxysql_monitor may read\n[mysqld]\nadmin-port\t= 33062\nmax_connections = 5\n"
    assert read_document(document(text))[0].engine == "mysql"


@pytest.mark.parametrize("product", sorted(FILES))
def test_a_products_file_is_known_with_other_line_ends_and_marks(product):
    text = FILES[product]
    for body in (text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + text.encode()):
        strange = looks_like(Document.of("file", body))
        assert product == "sqlite" or (strange is not None and strange.product == product)


@pytest.mark.parametrize("path", samples(), ids=lambda path: path.name)
def test_a_shipped_sample_is_a_products_or_an_engines(path):
    dump = read_document(Document.of(str(path), path.read_bytes()))[0]
    if path.parent.name in ENGINES:
        assert dump.engine is not None, dump.problems
        assert dump.kind not in FILES
    else:
        assert (dump.engine, dump.kind) == (None, path.parent.name)


@pytest.mark.skipif(not samples(), reason="the samples are not beside this checkout")
def test_the_samples_hold_files_of_both_kinds():
    folders = {path.parent.name for path in samples()}
    assert set(ENGINES) < folders
    assert len(folders - set(ENGINES)) == 4


def test_prose_about_a_product_is_not_its_file():
    assert looks_like(document("We moved from nginx and haproxy to pgbouncer last week.\n")) is None


def test_nothing_looks_like_nothing():
    assert looks_like(document("")) is None
