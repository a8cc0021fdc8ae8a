-- POSTs the bodies of a file, one a line, in turn; prints one line of JSON: wrk -s search.lua URL -- BODIES KEY
local requests, at = {}, 0

function init(arguments)
  local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. arguments[2] }
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "not_2xx": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
