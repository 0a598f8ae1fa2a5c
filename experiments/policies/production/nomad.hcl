scaling "web" {
  min = 1
  max = 20

  policy {
    evaluation_interval = "10s"
    cooldown            = "1m"

    check "requests" {
      source       = "prometheus"
      query        = "requests_per_instance"
      query_window = "30s"

      strategy "target-value" {
        target = 7
      }
    }
  }
}
