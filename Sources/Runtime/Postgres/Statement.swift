/// One SQL statement of the program, under a name that logs and errors show.
package struct Statement: Sendable, Hashable {
    /// What a statement does to the data; decides what is known when the connection breaks under it.
    package enum Effect: Sendable { case reads, writes, begins, commits, rollsBack }

    package let name: String
    package let sql: String
    package let effect: Effect
    /// Prepared once on each connection, under its name.
    package let isPrepared: Bool

    /// The effect is taken from the first word: a `select` whose function writes must say `.writes` itself.
    package init(_ name: String, _ sql: String, effect: Effect? = nil) {
        self.init(name: name, sql: sql, effect: effect, isPrepared: true)
    }

    private init(name: String, sql: String, effect: Effect?, isPrepared: Bool) {
        self.name = name
        self.sql = sql
        self.effect = effect ?? Effect(of: sql)
        self.isPrepared = isPrepared
    }

    /// A statement that is sent once in a while and need not be prepared.
    package static func unprepared(_ name: String, _ sql: String, effect: Effect? = nil) -> Statement {
        Statement(name: name, sql: sql, effect: effect, isPrepared: false)
    }

    package static let begin = unprepared("begin", "begin", effect: .begins)
    package static let beginRepeatableRead = unprepared(
        "begin repeatable read", "begin isolation level repeatable read", effect: .begins)
    /// For a transaction that may be lost if Postgres crashes, since it is done again: its commit does not wait for the disk.
    package static let letCommitBeLate = unprepared("let commit be late", "set local synchronous_commit = off")
    /// Lets Postgres ask the disk for many pages at once, until the transaction ends. What belongs to one device lies a page
    /// apart, and by an index alone each page would be waited for before the next.
    ///
    /// It does so for bitmaps of an index only, so nothing else is left to the planner. Where Postgres has no statistics yet it
    /// might lay a whole second index over the first to spare some pages, were the entries of an index as cheap as they are.
    /// And a plan that looks as dear as these is not worth compiling. A Postgres that is set to ask for nothing ahead, as it must
    /// be where the system cannot, is left at that.
    package static let readPagesAtOnce = Statement("read_pages_at_once", "select \(pagesAtOnce)")
    /// The same, for prepared statements that have but one good plan whatever their values are: Postgres would make them a new
    /// one each time, which takes ten times as long as what is planned.
    package static let readPagesAtOnceByOnePlan = Statement(
        "read_pages_at_once_by_one_plan",
        "select \(pagesAtOnce), set_config('plan_cache_mode', 'force_generic_plan', true)")

    private static let pagesAtOnce = """
        set_config('enable_indexscan', 'off', true), set_config('enable_seqscan', 'off', true),
            set_config('cpu_index_tuple_cost', '1', true), set_config('jit', 'off', true),
            set_config(
                'effective_io_concurrency',
                case current_setting('effective_io_concurrency') when '0' then '0' else '64' end, true)
        """
    package static let commit = unprepared("commit", "commit", effect: .commits)
    package static let rollback = unprepared("rollback", "rollback", effect: .rollsBack)

    package func callAsFunction(_ parameters: PostgresValue...) -> BoundStatement {
        BoundStatement(statement: self, parameters: EncodedParameters(parameters))
    }

    package func bind(_ parameters: [PostgresValue]) -> BoundStatement {
        BoundStatement(statement: self, parameters: EncodedParameters(parameters))
    }
}

/// A statement with its parameters, encoded already: the work is done by the caller, not by the poll thread.
package struct BoundStatement: Sendable {
    package let statement: Statement
    package let parameters: EncodedParameters
}

extension Statement.Effect {
    init(of sql: String) {
        switch sql.prefix(while: \.isLetter).lowercased() {
        case "begin", "start": self = .begins
        case "commit", "end": self = .commits
        case "rollback", "abort": self = .rollsBack
        case "select", "show", "values", "table", "explain", "listen", "unlisten", "set": self = .reads
        case "with":
            let writing: Set = ["insert", "update", "delete", "merge"]
            self = sql.lowercased().split { !$0.isLetter }.contains { writing.contains(String($0)) } ? .writes : .reads
        default: self = .writes
        }
    }
}
