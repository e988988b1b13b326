"""What is relied on of other documents, by section and page; tests prove it, as they do the clauses of docs/binding.md.

A test says what it proves in a marker, `@pytest.mark.proves("H-3", "rfc6455/5.1/client-masks")`: a clause of
docs/binding.md by its id, or one of these. `tests/test_requirements.py` sees to it that there is no gap on either side.
"""

RELIED_ON: dict[str, str] = {
    "rfc6455/1.3/accept": "The accept value is made of the key and the fixed GUID.",
    "rfc6455/3/uri": "A URL has no fragment, and a resource name may have a query.",
    "rfc6455/4.1/request": "A client sends GET, HTTP/1.1, Host, Upgrade, Connection, a key and version 13.",
    "rfc6455/4.1/nonce": "The key is another one for each connection.",
    "rfc6455/4.1/response": "A client fails a connection whose 101 is not what it asked for.",
    "rfc6455/4.1/status": "A client takes other statuses for what HTTP says they are.",
    "rfc6455/4.2.1/request": "A server checks each part of the request that it needs.",
    "rfc6455/4.2.2/accept": "A server answers 101 with Upgrade, Connection and Sec-WebSocket-Accept.",
    "rfc6455/4.2.2/refusal": "A server may refuse for the origin with 403, and answers with HTTP in any case.",
    "rfc6455/4.2.2/subprotocol": "A server selects one of the offered subprotocols, or sends no such header.",
    "rfc6455/4.4/version": "A version that is not spoken is 426 with those that are.",
    "rfc6455/5.1/client-masks": "A frame of a client without a mask fails the connection with 1002.",
    "rfc6455/5.1/server-does-not": "Frames of a server are not masked, and a client fails one that is.",
    "rfc6455/5.2/reserved-bits": "A reserved bit that no extension gave a meaning fails the connection.",
    "rfc6455/5.2/opcodes": "An unknown opcode fails the connection.",
    "rfc6455/5.2/length": (
        "Lengths are sent and taken in the shortest form, in network byte order, the highest bit clear."
    ),
    "rfc6455/5.3/masking": "A mask is undone byte by byte.",
    "rfc6455/5.4/fragments": "A message may come in any number of fragments of any length.",
    "rfc6455/5.4/control-between": (
        "Control frames may come between fragments and are answered before the message ends."
    ),
    "rfc6455/5.4/order": "Fragments of two messages do not mix, and a continuation continues something.",
    "rfc6455/5.5/control-frames": "A control frame has 125 bytes at most and is not fragmented.",
    "rfc6455/5.5.1/close": "A Close may have a body, a code with a UTF-8 reason, and is answered with a Close.",
    "rfc6455/5.5.1/no-data-after": "After a Close no data is sent.",
    "rfc6455/5.5.2/ping": "A Ping is answered with a Pong of the same payload.",
    "rfc6455/5.5.3/pong": "A Pong that nobody asked for is let be.",
    "rfc6455/5.6/data-frames": "Text is UTF-8, binary is anything.",
    "rfc6455/6.2/receiving": "It does not matter in which pieces the bytes of a frame come.",
    "rfc6455/7.1.1/tcp": "The server ends the TCP connection, in order, and the client waits for that.",
    "rfc6455/7.1.2/start": "Who closes sends a Close with a code and waits for the answer.",
    "rfc6455/7.1.5/code": (
        "The code of a close is that of the first Close frame, 1005 without one in it, 1006 without a frame."
    ),
    "rfc6455/7.1.7/fail": "To fail a connection is to send a Close with the code for it, and to look at nothing more.",
    "rfc6455/7.4.1/codes": "Defined codes are taken and used for what they are defined for.",
    "rfc6455/7.4.2/ranges": "Codes that must not be on the wire fail the connection, those from 3000 to 4999 do not.",
    "rfc6455/8.1/utf-8": "Text that is not UTF-8 fails the connection with 1007.",
    "rfc6455/9.1/extensions": (
        "A server selects from what was offered, in one line or several, and a malformed offer fails the handshake."
    ),
    "rfc6455/10.2/origin": "A server that is not for every page checks the origin.",
    "rfc6455/10.3/masking-key": "A client masks each frame with a key of its own.",
    "rfc6455/10.4/limits": "What a peer can make this end hold is bounded.",
    "rfc6455/10.7/invalid-data": "No bytes at all bring a server down, or keep its connection for ever.",
    "rfc6455/all/autobahn-testsuite": "The cases of Autobahn Testsuite for framing find no fault.",
    "rfc7692/5/negotiation": (
        "The parameters of the selection fit the offer, and an offer that cannot be had is declined."
    ),
    "rfc7692/6/rsv1": "The first reserved bit marks the first frame of a compressed message, and nothing else.",
    "rfc7692/7.1.1/context-takeover": "A window that may be kept is kept from message to message.",
    "rfc7692/7.2.1/compression": "A message is deflated without the four bytes at its end.",
    "rfc7692/7.2.2/decompression": (
        "A message is inflated within the limit, and one that cannot be fails the connection."
    ),
    "rfc7692/7.2.3.4/final-blocks": "A message may end its DEFLATE stream.",
    "rfc7692/all/autobahn-testsuite": "Its cases for compression find none either.",
    "rfc6454/6.2/null": "An origin may be null, which is nobody's.",
    "mcp/2025-03-26/basic#batches": "Batches are taken where this version was settled on.",
    "mcp/2025-11-25/basic#ids": "Ids are strings or integers, never null.",
    "mcp/2025-11-25/basic#unique-ids": "A requestor does not use an id for two open requests.",
    "mcp/2025-11-25/basic#answers": "An answer has the id of its request, and either a result or an error.",
    "mcp/2025-11-25/basic#errors": (
        "An error has an integer code and a message, and no id only where none could be read."
    ),
    "mcp/2025-11-25/basic#notifications": "Notifications have no id and no answer.",
    "mcp/2025-11-25/basic/lifecycle#initialize-first": "The first request is initialize.",
    "mcp/2025-11-25/basic/lifecycle#request": "The client says its version, its capabilities and its name.",
    "mcp/2025-11-25/basic/lifecycle#answer": "The server says its version, its capabilities and its name.",
    "mcp/2025-11-25/basic/lifecycle#only-ping-before-the-answer": (
        "Before the answer the client sends nothing but pings."
    ),
    "mcp/2025-11-25/basic/lifecycle#initialized": (
        "Before notifications/initialized the server does not speak of changes."
    ),
    "mcp/2025-11-25/basic/lifecycle#version": (
        "The server answers with the version that was asked for, or with its newest."
    ),
    "mcp/2025-11-25/basic/lifecycle#disconnect": "A client leaves a server whose version it does not speak.",
    "mcp/2025-11-25/basic/lifecycle#capabilities": "Each end uses only what the other declared.",
    "mcp/2025-11-25/basic/lifecycle#stdio-shutdown": (
        "A child is shut down by the end of its input, then SIGTERM, then SIGKILL."
    ),
    "mcp/2025-11-25/basic/lifecycle#timeouts": "A request may have a timeout, after which it is cancelled.",
    "mcp/2025-11-25/basic/utilities/cancellation#stops": "A cancelled request is stopped, freed and not answered.",
    "mcp/2025-11-25/basic/utilities/cancellation#not-initialize": "Initialize is not cancelled.",
    "mcp/2025-11-25/basic/utilities/cancellation#unknown": "Cancellations of nothing, or malformed ones, are ignored.",
    "mcp/2025-11-25/basic/utilities/cancellation#late-answers": "The answer to what was cancelled is ignored.",
    "mcp/2025-11-25/basic/utilities/cancellation#race": "Answer and cancellation may cross.",
    "mcp/2025-11-25/basic/utilities/ping#answer": "A ping is answered at once with nothing, by either end.",
    "mcp/2025-11-25/basic/utilities/progress#tokens": "Tokens are strings or integers and each is in use once.",
    "mcp/2025-11-25/basic/utilities/progress#grows": "Progress grows with each notification.",
    "mcp/2025-11-25/basic/utilities/progress#active": (
        "Progress is for tokens of open requests only, and ends with them."
    ),
    "mcp/2025-11-25/basic/transports#utf-8": "Messages are UTF-8.",
    "mcp/2025-11-25/basic/transports#stdio-lines": "On stdio each message is a line, without line feeds in it.",
    "mcp/2025-11-25/basic/transports#stdio-stderr": "What a child says on standard error is logged, and means nothing.",
    "mcp/2025-11-25/basic/transports#origin": "A server checks Origin, and refuses with 403.",
    "mcp/2025-11-25/basic/transports#localhost": "A local server binds the loopback interface only.",
    "mcp/2025-11-25/basic/transports#custom-format": "A custom transport keeps the format of the messages.",
    "mcp/2025-11-25/basic/transports#custom-documented": "It says how connections are made and messages exchanged.",
    "mcp/2025-11-25/server/tools#protocol-errors": "Unknown tools and malformed calls are errors.",
    "mcp/2025-11-25/server/tools#execution-errors": (
        "A tool that fails, or whose arguments do not fit, has a result with isError."
    ),
    "mcp/2025-11-25/server/tools#list-changed": "Clients hear when tools come and go.",
    "mcp/2025-11-25/server/tools#structured-content": "Structured results have a schema and stand in the text as well.",
    "mcp/2025-11-25/server/resources#not-found": "An unknown resource is -32002.",
    "mcp/2025-11-25/server/resources#subscriptions": "Subscribers hear of updates until they unsubscribe.",
    "mcp/2025-11-25/server/prompts#get": "A prompt is made with its arguments.",
    "mcp/2025-11-25/server/utilities/completion#complete": "Arguments of prompts and templates are completed.",
    "mcp/2025-11-25/server/utilities/logging#level": "Log messages below the level are not sent.",
    "mcp/2025-11-25/server/utilities/pagination#cursors": (
        "Lists come in pages, and a cursor that was not given out is -32602."
    ),
    "mcp/2025-11-25/client/sampling#capability": "The client's model is asked if there is one.",
    "mcp/2025-11-25/client/elicitation#capability": "The client's user is asked if that can be.",
    "mcp/2025-11-25/client/roots#capability": "Roots are listed if the client has them.",
    "mcp/2025-11-25/schema#results": "What is sent is what the schema of the version describes.",
    "mcp/2026-07-28/basic#meta": "A request tells version and capabilities in its own _meta, and is -32602 without.",
    "mcp/2026-07-28/basic#meta-of-the-client": "A client says version, capabilities and name with every request.",
    "mcp/2026-07-28/basic#stateless": "Nothing rests on what came before on the connection.",
    "mcp/2026-07-28/basic#missing-capability": "What needs a capability that the request does not declare is -32021.",
    "mcp/2026-07-28/basic#result-type": "Every result has a resultType, and the name of the server in its _meta.",
    "mcp/2026-07-28/basic#error-codes": (
        "Codes of one's own are outside the range that is reserved, and those of earlier versions are not used."
    ),
    "mcp/2026-07-28/basic/versioning#unsupported": "A version that is not spoken is -32022 with those that are.",
    "mcp/2026-07-28/basic/versioning#retry": "A client goes on in a version that both speak.",
    "mcp/2026-07-28/basic/versioning#probe": (
        "A client of both eras asks for server/discover, and initialises on any answer that is not modern."
    ),
    "mcp/2026-07-28/basic/versioning#dual-era": (
        "A request with _meta is served as such, initialize begins a legacy conversation."
    ),
    "mcp/2026-07-28/server/discover#answer": "A server tells its versions and capabilities when it is asked.",
    "mcp/2026-07-28/server/resources#not-found": "An unknown resource is -32602.",
    "mcp/2026-07-28/server/utilities/caching#hints": "Results that may be kept say for how long and for whom.",
    "mcp/2026-07-28/server/utilities/logging#per-request": "Log messages are for requests that ask for them.",
    "mcp/2026-07-28/basic/transports#no-server-requests": "A server sends no requests to modern clients.",
    "mcp/2026-07-28/basic/transports#custom-format": (
        "A custom transport keeps messages, patterns and per-request metadata as they are."
    ),
    "mcp/2026-07-28/basic/transports#custom-documented": "It says how connections, messages and cancellation work.",
    "mcp/2026-07-28/basic/patterns/cancellation#notification": (
        "Where requests share a channel, a notification cancels them."
    ),
    "mcp/2026-07-28/basic/patterns/cancellation#servers": "A server cancels subscriptions only.",
    "mcp/2026-07-28/basic/patterns/progress#active": "Progress is for tokens of open requests only.",
    "mcp/2026-07-28/basic/patterns/subscriptions#acknowledged": (
        "The acknowledgement comes first and says what is given."
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#asked-for": "Nothing is sent that was not asked for.",
    "mcp/2026-07-28/basic/patterns/subscriptions#client": (
        "A client tells its subscriptions apart, and takes what each asked for."
    ),
    "mcp/2026-07-28/basic/patterns/subscriptions#id": "All that is sent on one carries the id of its request.",
    "mcp/2026-07-28/basic/patterns/subscriptions#cancelled": "The client ends one with a cancellation.",
    "mcp/2026-07-28/basic/patterns/subscriptions#graceful": (
        "A server that goes ends each with an empty result that names it."
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#result": (
        "Questions are the result of the call that has them, of three methods only."
    ),
    "mcp/2026-07-28/basic/patterns/mrtr#retry": "The call goes on when it is made again with answers and state.",
    "mcp/2026-07-28/basic/patterns/mrtr#client": "A client gathers what is wanted, and gives the state back as it is.",
    "mcp/2026-07-28/basic/patterns/mrtr#state": "State is taken for what an attacker may have written.",
    "mcp/2026-07-28/basic/patterns/mrtr#independent": "Any replica can go on.",
    "mcp/2026-07-28/schema#results": "What is sent is what the schema of the version describes.",
}
