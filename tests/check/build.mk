# SPDX-License-Identifier: BSD-2-Clause
# The system-file checker against files on disk.

.PHONY: check-files
check-files: $(B)/bulkhead ## try good and bad system files and frozen images
	@tests/check/run.sh $< $(B)/check-files
