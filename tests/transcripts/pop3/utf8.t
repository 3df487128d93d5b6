# utf8.t        RFC 6856 2: before the login, and not before STLS
config: starttls=yes
config: plaintext=yes
config: message=Subject: Grüße\r\n\r\njö\r\n
S: +OK ...
C: UTF8 yes
S: -ERR this command takes no arguments
C: UTF8
S: +OK UTF-8 from now on
C: STLS
S: -ERR STLS comes before UTF8
C: AUTH PLAIN {base64:\0alice\0secret}
S: +OK ...
C: UTF8
S: -ERR this command comes before the login
C: RETR 1
S: +OK 25 octets
S: Subject: Grüße
S:
S: jö
S: .
# Without UTF8 the bytes are the same.
C: QUIT
S: +OK ...
S: <closed>
S2: +OK ...
C2: AUTH PLAIN {base64:\0alice\0secret}
S2: +OK ...
C2: TOP 1 0
S2: +OK ...
S2: Subject: Grüße
S2:
S2: .
