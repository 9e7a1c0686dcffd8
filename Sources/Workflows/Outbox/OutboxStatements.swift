import Runtime

/// The statements that empty the outbox.
enum OutboxStatements {
    static let page = Statement(
        "read the outbox",
        """
        select number, id, workflow, key, command, time, causation, correlation from workflow_outbox
        where number > $1 and failure is null order by number limit $2
        """)

    static let remove = Statement(
        "remove commands from the outbox", "delete from workflow_outbox where number = any ($1)")

    /// Kept, so that somebody can see it.
    static let fail = Statement(
        "give a command of the outbox up", "update workflow_outbox set failure = $2 where number = $1")
}
