"""Scripts for the client of MySQL, and of MariaDB, which differs in little.

The client is told to go on after errors (``--force``): it has no other way to take back what it began. So
each message looks itself whether it is to do anything, by variables of the session, and tells by them how it
went. What such a variable never heard of is null, and nothing is done then: a session that was lost and begun
anew does nothing more.

Facts, each seen with the clients and servers of MariaDB 10.5, 10.11, 11.8 and MySQL 9.7: with a delimiter of
its own the client sends several statements as one message, and the server comes to each only where those
before it were carried out; ``--binary-mode`` leaves the client no commands but the delimiter's; a literal
holds whatever the dialect quotes, the delimiter too.
"""

from __future__ import annotations

from setpoint.engines.mysql.native.script import MysqlNative

__all__ = ["MysqlNative"]
