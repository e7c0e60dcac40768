/**
 * Functions that are on the stack of a report and are not what it is about: they were asked to do something wrong, or they are what
 * found it. Who called them is. A table of patterns, grouped by what the functions are for.
 */
const INFRASTRUCTURE: Readonly<Record<string, readonly string[]>> = {
  'the report itself': [
    'dump_(?:stack|backtrace)|show_(?:stack|trace|regs)|walk_stackframe|walk_stack|arch_stack_walk|stack_trace_(?:save|consume)',
    'print_(?:report|address_description|usage_bug|unlock|tainted|memory|trailer)\\w*|hex_dump|describe_\\w+',
    'panic|^_?_warn|warn_(?:slowpath|alloc|bogus)|^bad_page|report_bug|fixup_bug|handle_bug|imbalance_bug|get_taint',
    '^v?_?printk|vprintk|va_format|^(?:v|k|kv)?sn?c?n?printf|kv?asprintf|^_*dev_(?:info|notice|warn|err|alert|crit|emerg|printk)',
    '^string(?:_nocheck)?$|hex_string|^pointer$|fortify_(?:panic|report)|assertfail',
  ],
  'traps and faults': [
    'invalid_op|do_(?:error_)?trap|_trap$|do_error|exc_(?:general_protection|page_fault|int3|divide_error)|asm_exc_',
    'program_check_(?:exception|common)|do_(?:kernel|translation|mem|tag_check|page|bad_area)_?(?:fault|abort)|el1h?_(?:abort|sync|64_sync)|^ret_from_exception|^entry_\\w+_sync',
    'oops_(?:begin|end)|no_context|^die\\b|__die|bad_area|page_fault_oops|kernelmode_fixup_or_oops|__phys_addr|__virt_to_phys',
    '_indirect_thunk_|__x86_return_thunk',
  ],
  sanitizers: [
    'kasan|hwasan|kmsan|kcsan|ubsan|kfence|__[ahm]san|__sanitizer|sanitizer_cov|write_comp_data|in_task_stack_trace',
    'check_(?:memory_region|heap_object|object)|check_(?:slab|page)_|read_word_at_a_time|(?:read|write)_once_\\w*nocheck|instrument_\\w+',
    'debug_(?:object|print_object|check_no_obj)|(?:timer|work|hrtimer)_is_static_object|should_fail',
  ],
  'allocators and page cache': [
    'k?v?[mzc]alloc|kv?realloc|kmem_cache|slab_|___slab|allocate_slab|new_slab|mempool_alloc|alloc_(?:frozen_)?pages?|get_page_from_freelist',
    '^kv?free$|kfree_sensitive|folio_(?:alloc|unlock)|filemap_alloc_folio|__filemap_get_folio|find_or_create_page|pagecache_get_page',
    'do_read_cache_folio|read_cache_page|grab_cache_page|kv?memdup|memdup|kv?str[n]?dup|strndup|^(?:un)?lock_page|mark_buffer_dirty',
    'find_lock_entries|truncate_inode_pages_range|ida_free|__get_free_pages|get_zeroed_page|^_*vunmap|^vfree',
  ],
  locks: [
    'lockdep|lock_(?:acquire|release|class|is_held)|_?mark_lock|(?:reacquire|mark)_held_locks|check_(?:deadlock|prev_add|wait_context)',
    'validate_chain|raw_spin|spin_(?:try)?(?:lock|unlock)|queued_(?:spin|read|write)|pv_(?:queued|wait|kick)|(?:read|write)_(?:try)?(?:lock|unlock)',
    '^_*(?:mutex|rt_mutex|ww_mutex)_|^_*down(?:_read|_write|_interruptible|_killable|_trylock|_timeout)?(?:_|$)|^_*up(?:_read|_write)?$|rwsem_',
    'osq_(?:lock|unlock)|owner_on_cpu|seqprop_assert|(?:trace|lockdep)_(?:hard|soft)irqs?|local_bh_|bh_(?:en|dis)able|might_(?:sleep|resched|fault)',
    '_atomic_dec_and_(?:raw_)?lock|cleanup_srcu_struct',
  ],
  'counters and bits': [
    '(?:^|_)atomic(?:64|_long)?_(?:add|sub|inc|dec|read|set|and|or|xor|fetch|xchg|cmpxchg|try)|(?:set|clear|change|test)_bit',
    '^refcount_|^kref_|ref_tracker|drop_nlink|^iput(?:_final)?$|^ihold$|^f?a?s?t?_?dput$|^put_device$',
  ],
  'strings and copies': [
    'mem(?:cpy|cmp|set|chr|move)|str(?:cmp|ncmp|casecmp|cpy|lcpy|ncpy|scpy|len|nlen|str|nstr|chr|rchr|cat|sep)\\b',
    'copy_(?:to|from)_(?:user|iter)|copy_overflow|copy_(?:page|folio)_(?:to|from)_iter|^_*copy(?:in|out)$|(?:put|get)_user|extract_(?:user|iter)_to_sg',
    '^crc\\d+|crc_itu_t',
  ],
  'lists and trees': [
    'list_(?:add|del|replace|move|splice)|^_*rb_|^klist_|xas_(?:start|load|find|store|descend)|rhashtable_lookup',
  ],
  'timers, work and waiting': [
    'del_timer|timer_delete|mod_timer|lock_timer_base|sk_stop_timer|flush_work|cancel_(?:delayed_)?work|__cancel_work|try_to_grab_pending',
    '(?:drain|destroy)_workqueue|insert_work|queue_(?:delayed_)?work|__queue_|^__wake_up|finish_wait|^[mu]s?sleep|^ssleep|^complete$|wait_for_completion|kthread_stop',
  ],
  'the driver core': [
    'kobject_|add_uevent_var|get_device_parent|device_(?:add|del|unregister|destroy|release|for_each_child|remove_file)$|devres_release',
    'sysfs_remove|hwrng_unregister|i2c_del_adapter|__unregister_client|tty_unregister_device|rollback_registered|unregister_netdev',
    'usb_(?:kill|submit|hcd_submit)\\w*urb|usb_control_msg|dummy_urb_enqueue|^kfree_skb|perf_trace|bus_to_virt|(?:^|_)(?:read|write)[bwlq]$|logic_(?:in|out)',
  ],
};

/** The whole table in one look. */
const ANY = new RegExp(Object.values(INFRASTRUCTURE).flat().join('|'));

/** Whether a function is a helper that others call, by whose name no report should go. */
export function isInfrastructure(name: string): boolean {
  return ANY.test(name);
}

/** Where the kernel hands over to code of another kind: a syscall's, an interrupt's, a work item's or a file operation's own function is right before it. */
const ENTRY = new RegExp(
  [
    'do_(?:fast_)?syscall_|sysenter_dispatch|tracesys_phase2|el0_svc|invoke_syscall|ret_fast_syscall|system_call_exception',
    'process_one_work|netif_receive_skb|do_softirq|call_timer_fn|run_timers|run_timer_softirq|hrtimer_run|run_ksoftirqd|tasklet_(?:hi_)?action',
    'smpboot_thread_fn|^kthread$|start_secondary|cpu_startup_entry|ret_from_fork|smp_call_function|task_work_run|exit_to_usermode',
    'vfs_(?:iter_)?(?:read|write)$|do_iter_(?:read|write)|(?:call|new_sync)_(?:read|write)|vfs_ioctl|ksys_ioctl|compat_(?:sys_)?ioctl|blkdev_(?:driver_)?ioctl',
    '^call_mmap|mmap_region|do_mmap|do_dentry_open|vfs_open|^proc_reg_|__fput|__do_fault|do_page_fault|^page_fault$',
    '^_*sock_(?:sendmsg|recvmsg|release|mmap|do_ioctl|ioctl)|^compat_sock_ioctl|^setsockopt$|sock_common_setsockopt|kernel_(?:setsockopt|listen|accept)|sk_common_release',
    '^(?:listen|accept)$|^(?:sys_)?(?:socketpair|connect|ioctl)|nfnetlink_rcv_msg|rtnetlink_rcv_msg|netlink_dump',
  ].join('|'),
);

/** Whether a function is such a hand-over. */
export function isEntry(name: string): boolean {
  return ENTRY.test(name);
}

/** What a task that waits goes through, whatever it waits for. */
const WAITING =
  /sched|_lock|_slowlock|down|rwsem|completion|kthread|wait|synchronize|context_switch|__switch_to|cancel_delayed_work|rcu_barrier/;

export function isWaiting(name: string): boolean {
  return WAITING.test(name);
}
