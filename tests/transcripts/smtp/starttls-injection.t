# starttls-injection.t  RFC 3207 4.2, CVE-2011-0411: what precedes the handshake is never carried out

S: 220 ...
C: EHLO before.example
S*: 250 STARTTLS
C-raw: STARTTLS\r\nMAIL FROM:<evil@client.example>\r\nRCPT TO:<alice@example.com>\r\n
S: 220 2.0.0 ...
C: <starttls>
C: RCPT TO:<alice@example.com>
S: 503 5.5.1 Say EHLO first
C: QUIT
S: 221 2.0.0 ...
S: <closed>
