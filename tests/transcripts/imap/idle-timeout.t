# idle-timeout.t        RFC 2177 3: a client that idles says so again before 30 minutes are over
config: plaintext=yes
S: * OK ...
C: a LOGIN alice secret
S: a OK ...
C: b IDLE
S: + idling
wait: 29m
C: DONE
S: b OK ...
C: c IDLE
S: + idling
wait: 31m
S: * BYE you were silent for too long
S: <closed>
