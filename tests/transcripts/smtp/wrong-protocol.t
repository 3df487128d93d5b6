# wrong-protocol.t      a web browser, and TLS where STARTTLS was meant, are shown the door

S: 220 ...
C: POST / HTTP/1.1
S: 500 5.5.2 This is a mail server (SMTP), not a web server; closing
S: <closed>
S2: 220 ...
C2-raw: \x16\x03\x01\x00\xa5
S2: <closed>
