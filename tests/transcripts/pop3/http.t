# http.t        a web page made a browser talk to us: nothing of its body is taken for commands
config: plaintext=yes
S: +OK ...
C-raw: POST / HTTP/1.1\r\nHost: mail.example.com\r\n\r\nUSER alice\r\nPASS secret\r\n
S: <closed>
