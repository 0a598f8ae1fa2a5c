job "webapp" {
  datacenters = ["dc1"]

  group "web" {
    count = 3

    scaling {
      enabled = true
      max     = 20

      policy {
        cooldown             = "1m30s"
        cooldown_on_scale_up = "20s"

        check "sessions" {
          source = "prometheus"
          query  = <<EOF
avg((haproxy_server_current_sessions{proxy="http_back"}) and (haproxy_server_up{proxy="http_back"} == 1))
EOF

          strategy "target-value" {
            target         = 20
            threshold      = 0.15
            max_scale_up   = 2
            max_scale_down = 1
          }
        }

        check "high-queue" {
          source       = "prometheus"
          query        = "haproxy_backend_current_queue{proxy=\"http_back\"}"
          query_window = "instant"
          group        = "queue"

          strategy "threshold" {
            lower_bound           = 70
            percentage            = 25
            within_bounds_trigger = 1
          }
        }

        check "low-queue" {
          source              = "prometheus"
          query               = "haproxy_backend_current_queue{proxy=\"http_back\"}"
          query_window        = "2m"
          query_window_offset = "10s"
          group               = "queue"
          on_error            = "ignore"

          strategy "threshold" {
            upper_bound = 1
            delta       = -1
          }
        }

        check "base" {
          strategy "fixed-value" {
            value = 4
          }
        }

        check "cpu" {
          query        = "avg_cpu-allocated"
          query_window = "1m"

          strategy "pass-through" {}
        }

        schedule {
          start    = "0 9 * * 1-5"
          duration = "8h"
        }
      }
    }

    task "server" {
      driver = "docker"

      scaling "cpu" {
        policy {
          check "96pct" {
            strategy "app-sizing-percentile" {
              percentile = "96"
            }
          }
        }
      }
    }
  }

  group "worker" {
    scaling {
      max = 5
      policy {}
    }
  }
}
