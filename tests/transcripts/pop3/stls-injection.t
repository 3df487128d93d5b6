# stls-injection.t      RFC 2595 4, CVE-2011-0411: commands that came in clear text are thrown away
config: starttls=yes
S: +OK ...
C-raw: STLS\r\nUSER alice\r\nPASS secret\r\nSTAT\r\n
S: +OK begin TLS
C: <starttls>
C: STAT
S: -ERR log in first
