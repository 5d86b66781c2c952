# SPDX-License-Identifier: BSD-2-Clause
# tasks: task switches by hardware. A 32-bit program, as long mode has none.

guests: $(B)/guests/tasks.elf

# Of what guests share it takes the serial port alone, built anew for 32 bits.
TASKS_CFLAGS := $(filter-out -mno-red-zone -mcmodel=small,$(GUEST_CFLAGS)) -m32 -march=i686
TASKS_OBJ := $(addprefix $(B)/guests/tasks/,start.o main.o world.o serial.o)
TASKS_DEPS := $(GUEST_DEPS) guests/tasks/build.mk

$(B)/guests/tasks/serial.o: guests/common/serial.c $(TASKS_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(TASKS_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

$(B)/guests/tasks/%.o: guests/tasks/%.S $(TASKS_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(TASKS_CFLAGS) -c $< -o $@

$(B)/guests/tasks/%.o: guests/tasks/%.c $(TASKS_DEPS)
	@mkdir -p $(@D)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(TASKS_CFLAGS) $(GUEST_KERNEL) -c $< -o $@

$(B)/guests/tasks.elf: guests/tasks/tasks.lds $(TASKS_OBJ)
	$(call say,GUEST,$@)
	$(Q)$(CC) $(GUEST_LDFLAGS) -m32 -T $< -o $@ $(filter %.o,$^)
