# SPDX-License-Identifier: ISC
"""usage: smtplib_login.py starttls|tls SUBJECT HOST PASSWORD: a mail to root by
Python's smtplib."""
import smtplib
import ssl
import sys
from email.message import EmailMessage

way, subject, host, password = sys.argv[1:]
message = EmailMessage()
message["From"], message["To"] = "carol@example.org", "root@example.org"
message["Subject"] = subject
message.set_content("Hello.\n")
context = ssl.create_default_context()
if way == "tls":
    client = smtplib.SMTP_SSL(host, 465, timeout=60, context=context)
else:
    client = smtplib.SMTP(host, 587, timeout=60)
    client.starttls(context=context)
with client:
    client.login("carol", password)
    client.send_message(message)
