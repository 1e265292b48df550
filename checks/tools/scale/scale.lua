-- Load for wrk: POSTs of the bodies in a file, one in each line, picked by chance. Tells what it saw as a line of JSON.
--
--     wrk … -s scale.lua URL -- FILE AUTHORIZATION

local requests = {}

function init(args)
    local headers = { ["Content-Type"] = "application/json", ["Authorization"] = args[2] }
    for body in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    end
end

function request()
    return requests[math.random(#requests)]
end

function done(summary, latency)
    local errors = summary.errors
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    local text = '{"requests": %d, "seconds": %f, "failed": %d, "p50_ms": %f, "p99_ms": %f}'
    local seconds = summary.duration / 1e6
    print(text:format(summary.requests, seconds, failed, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
