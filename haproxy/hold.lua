-- While a back end has no server, its requests wait for one, as long as they may wait in a queue; then HAProxy answers 503.

local PAUSE_MS = 5

local function now_ms()
  local now = core.now()
  return now.sec * 1000 + now.usec / 1000
end

core.register_action("hold", { "http-req" }, function(transaction, backend, longest_ms)
  local until_ms = now_ms() + tonumber(longest_ms)
  while transaction.f:nbsrv(backend) == 0 and now_ms() < until_ms do
    core.msleep(PAUSE_MS)
  end
end, 2)
