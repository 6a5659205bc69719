module hdattach.test/reader

go 1.21
