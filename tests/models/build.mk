# SPDX-License-Identifier: BSD-2-Clause
# Protocols between components, verified with spin; each with broken twins that must fail.

.PHONY: models
models: ## verify the models of the protocols between components (spin)
	@CC='$(CC)' tests/models/run $(B)/models
