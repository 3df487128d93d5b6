# tls-on-the-clear-text-port.t  a TLS handshake where STLS was not agreed
config: starttls=yes
S: +OK ...
C-raw: \x16\x03\x01\x02\x00\x01
S: <closed>
