# SPDX-License-Identifier: ISC
"""SMTP smuggling: what may stand around a dot, and the second message that
must not become one."""

EDGES = {"nothing": b"", "CR": b"\r", "LF": b"\n", "CRLF": b"\r\n",
         "NUL": b"\0", "CRCR": b"\r\r", "LFCR": b"\n\r", "CRLF NUL": b"\r\n\0"}
FORMS = {f"{a} . {b}": EDGES[a] + b"." + EDGES[b]
         for a in EDGES for b in EDGES}
TRUE_END = b"\r\n.\r\n"
SECOND = (b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<bob@example.org>\r\n"
          b"DATA\r\nSubject: smuggled\r\n\r\nsmuggled\r\n.\r\n")


def bare(data):
    """Whether there is a CR or an LF in it that is no part of a CR LF."""
    rest = data.replace(b"\r\n", b"")
    return b"\r" in rest or b"\n" in rest
