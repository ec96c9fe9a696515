-- wrk: POST /api/expenses, each with an Idempotency-Key of its own.
local body = os.getenv("BENCH_BODY")
local run = os.getenv("BENCH_RUN")
local count = 0

function request()
  count = count + 1
  wrk.headers["Idempotency-Key"] = run .. "-" .. count
  return wrk.format("POST", nil, nil, body)
end
