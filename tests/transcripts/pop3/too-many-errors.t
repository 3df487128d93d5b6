# too-many-errors.t     whoever makes twenty mistakes is no mail program
S: +OK ...
C-raw: {repeat:20:what?\r\n}
S: -ERR unknown command
S*: -ERR too many errors
S: <closed>
