"""What people see: the bus's fold, its stream to browsers, and the HTTP routes (design.md sections 1 and 4).

- the bus: feed (client) -> live (what is known now), stream
- the stream: stream (broadcaster) -> viewer (one place in the log) -> websocket (the connection)
- HTTP: app (composes) -> routes/, behind bounded_http (uvicorn's protocol with bounds), turnstile (a few requests per
  turn of the loop) and guard (Host, headers);
  refusals (exceptions -> answers), schemas (bodies), pages (the built page in memory), addresses (host names)
- answers: live_answers, shot_answers (PURE: what is known -> schemas)
- recorded shots: shots (async) -> worker (one thread) -> shot_reader (blocks) -> cache, waveforms (PURE)
- the core: requests (the abort, on a connection of its own)

``controller/app/panel.py`` makes a process of it; web/ is the page's source, static/ what was built from it.
"""
