# apop.t        RFC 1939 7: refused
config: plaintext=yes
S: +OK ...
C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
S: -ERR APOP is not supported, use AUTH SCRAM-SHA-256
