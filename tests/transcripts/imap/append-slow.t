# append-slow.t         RFC 3501 5.4: a message that comes over a thin line is activity, a trickle is none
config: plaintext=yes
config: message-bytes=4000000
S: * OK ...
C: a LOGIN alice secret
S: a OK ...
C: b APPEND INBOX {3000000}
S: + ...
C-raw: {repeat:1000000:x}
wait: 30m
C-raw: {repeat:1000000:x}
wait: 30m
C-raw: {repeat:1000000:x}\r\n
S: b OK ...
C: c APPEND INBOX {1000}
S: + ...
C-raw: x
wait: 20m
C-raw: x
wait: 20m
S: * BYE you were silent for too long
S: <closed>
