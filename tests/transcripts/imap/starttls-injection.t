# starttls-injection.t      CVE-2011-0411: commands that came in clear text are thrown away
config: starttls=yes
S: * OK ...
C-raw: a STARTTLS\r\nb LOGIN alice secret\r\nc SELECT INBOX\r\n
S: a OK ...
C: <starttls>
C: d SELECT INBOX
S: d BAD log in first
