-- One signed body, a key of its own for each request. Arguments: path, signature, run's name, body.
local counter = 0
local thread = 0

function setup(thread_)
   thread = thread + 1
   thread_:set("number", thread)
end

function init(arguments)
   path, signature, run, body = arguments[1], arguments[2], arguments[3], arguments[4]
   headers = {
      ["Content-Type"] = "application/json",
      ["X-Amigo-Request-Signature"] = signature,
   }
end

function request()
   counter = counter + 1
   headers["X-Amigo-Idempotent-Key"] = run .. "-" .. number .. "-" .. counter
   return wrk.format("POST", path, headers, body)
end
