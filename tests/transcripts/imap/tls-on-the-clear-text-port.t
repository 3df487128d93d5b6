# tls-on-the-clear-text-port.t      a handshake that nobody agreed to: nothing we say would be understood
config: starttls=yes
S: * OK ...
C-raw: \x16\x03\x01\x02\x00\x01
S: <closed>
