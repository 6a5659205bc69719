module hdattach.example/bench

go 1.21
