import Aggregates
import ArgumentParser
import Gateway
import Runtime

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Make, list and revoke the tokens with which people and programs use the API.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token and print it, this once.")

        @Argument(help: "What the token is for, shown in lists.")
        var name: String

        @Option(help: "'admin' reads and writes, 'reader' reads.")
        var role = "admin"

        @Option(help: "The one account it is for; all accounts without it.")
        var account: String?

        @Option(help: "Days until it expires; never without it.")
        var days: Int?

        @OptionGroup var installation: InstallationOptions

        func run() async throws {
            guard let role = APIToken.Role(rawValue: role) else {
                throw ValidationError("the role '\(role)' is unknown: give admin or reader")
            }
            if let days, !(1...36_500).contains(days) { throw ValidationError("give 1 to 36500 days") }
            let expires = days.map { Timestamp.now() + .seconds(Int64($0) * 86_400) }
            try await LogAccess.with(installation.serverURL()) { log in
                if let account { try await requireAccount(account, in: log.store) }
                let token = try await PostgresTokenStore(pool: log.pool, store: log.store).createToken(
                    named: name, role: role, account: account.map { AccountID($0) }, expiresTime: expires,
                    by: .commandLine)
                try Console.answer(token)
            }
        }

        /// A token of an account that is not there would be good for nothing, and nobody would know why.
        private func requireAccount(_ id: String, in store: any EventStore) async throws {
            if let stream = StreamName("\(Account.category)-\(id)"),
                try await !store.readStream(stream, from: 1, limit: 1).isEmpty
            {
                return
            }
            throw ValidationError(
                "there is no account '\(id)'; GET /api/v1/accounts lists them, and without --account it is for all")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens; never their secrets.")

        @OptionGroup var installation: InstallationOptions

        func run() async throws {
            try await LogAccess.with(installation.serverURL()) { log in
                for token in try await PostgresTokenStore(pool: log.pool, store: log.store).all() {
                    let expiry = token.expiresTime.map { "until \($0)" } ?? "does not expire"
                    try Console.answer(
                        "\(token.id)  \(token.name)  \(token.role.rawValue)  "
                            + "\(token.account?.rawValue ?? "all accounts")  \(expiry)")
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a token; servers refuse it within ten seconds.")

        @Argument(help: "The id that 'fleetlog token list' shows.")
        var id: String

        @OptionGroup var installation: InstallationOptions

        func run() async throws {
            try await LogAccess.with(installation.serverURL()) { log in
                guard try await PostgresTokenStore(pool: log.pool, store: log.store).remove(id: id, by: .commandLine)
                else {
                    throw ValidationError("there is no token '\(id)'; see 'fleetlog token list'")
                }
                try Console.answer("Revoked. Running servers refuse it within ten seconds.")
            }
        }
    }
}
