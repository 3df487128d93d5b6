# long-lines.t  RFC 2449 4: lines that are too long are passed over; before the login they end the session
config: plaintext=yes
config: messages=300
S: +OK ...
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C-raw: STAT {repeat:12282:x}\r\n
S: -ERR the line is too long
C-raw: {repeat:100000:x}\r\nSTAT\r\n
S: -ERR the line is too long
S: +OK 1 300
S2: +OK ...
C2-raw: GET /{repeat:13000:x} HTTP/1.1\r\n\r\nUSER alice\r\nPASS secret\r\n
S2: -ERR the line is too long
S2: <closed>
