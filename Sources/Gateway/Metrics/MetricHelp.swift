/// What each metric means.
enum MetricHelp {
    static func text(of name: String) -> String {
        texts[name] ?? "See the name: \(name.replacing("_", with: " "))."
    }

    private static let texts = [
        "anomaly_events_total": "Alerts raised, by the kind of trouble.",
        "firmware_rollout_progress": "Share of a rollout's devices that have succeeded, from 0 to 1.",
        "fleetlog_actor_bytes": "Bytes that actors take up, by estimate.",
        "fleetlog_actor_evictions_total": "Actors put to sleep, by cause.",
        "fleetlog_actors_awake": "Actors that are awake.",
        "fleetlog_broker_dropped_messages": "Messages the broker has dropped; anything but 0 is an alarm.",
        "fleetlog_broker_stored_bytes": "Bytes of messages that wait in the broker.",
        "fleetlog_broker_stored_messages": "Messages that wait in the broker.",
        "fleetlog_database_bytes": "Size of the database.",
        "fleetlog_database_disk_days_left": "Days until the database's disk is as full as it may be, as things go.",
        "fleetlog_database_disk_free_bytes": "Free bytes on the database's disk.",
        "fleetlog_database_growth_bytes_per_day": "Growth of the database over the last day.",
        "fleetlog_deliveries_dead_total": "Deliveries that were given up.",
        "fleetlog_deliveries_pending": "Deliveries that wait, for their turn or for another attempt.",
        "fleetlog_delivery_attempts_total": "Attempts at deliveries, by outcome.",
        "fleetlog_ingest_messages_total": "Telemetry messages brought to an end, by outcome.",
        "fleetlog_ingest_round_messages": "Messages of one round of ingest.",
        "fleetlog_ingest_round_seconds": "Time from reading a round to its acknowledgement.",
        "fleetlog_ingest_unacknowledged": "Messages that have been read and are not acknowledged yet.",
        "fleetlog_snapshot_drift_checks_total": "Memories and snapshots that were compared with their events.",
        "fleetlog_snapshot_drift_total": "Those that differed; anything but 0 is an alarm.",
        "fleetlog_snapshot_packed_bytes_total": "Bytes of snapshots written, compressed.",
        "fleetlog_snapshot_plain_bytes_total": "Bytes of snapshots written, before compression.",
        "fleetlog_append_conflicts_total": "Appends that were answered with a conflict.",
        "fleetlog_commit_batch_events": "Events committed together in one transaction.",
        "fleetlog_events_appended_total": "Events stored in the log.",
        "fleetlog_streams_isolated": "Streams that this server cannot read; anything but 0 is an alarm.",
        "fleetlog_workflow_commands_total": "Commands that left the outbox of workflows, by outcome.",
        "fleetlog_workflow_decisions_total": "Decisions of workflows that were recorded.",
        "fleetlog_workflow_events_total": "Events that the workflows were shown or passed by.",
        "fleetlog_workflow_stopped_instances": "Workflow instances that cannot go on; anything but 0 is an alarm.",
        "fleetlog_workflow_timer_lateness_seconds": "Time from a timer's due time to its firing.",
        "fleetlog_workflow_timers_fired_total": "Timers of workflows that have fired.",
        "http_event_streams": "Streams of server-sent events that are open.",
        "http_request_duration_seconds": "Time from the header of a request to its answer.",
        "http_requests_total": "Requests answered, by method, path and status.",
        "telemetry_ingest_rate": "Readings stored per second, over the last ten seconds.",
        "telemetry_mqtt_connect_failures": "Failed attempts to connect to the broker.",
        "view_tether_length": "Events by which a view trails the log.",
        "view_tether_seconds": "Seconds by which a view trails the log.",
    ]
}
