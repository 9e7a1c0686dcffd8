import ArgumentParser
import Gateway
import Logging
import Runtime

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the server on your Postgres and your Mosquitto.",
        discussion: """
            Each setting can be given as a flag, as the environment variable named beside it, or in the settings file; \
            the first of these wins. The schema is migrated at the start if --migration-database-url is set.
            """)

    @OptionGroup var options: ServerOptions

    func run() async throws {
        let settings = try ServerSettings(SettingsSources(flags: options.given))
        JSONLogHandler.bootstrap(level: settings.logLevel)
        let server = try await Server.start(settings)
        if let token = try await server.tokens.createAdminToken() {
            Console.say("Admin token: \(token)")
            Console.say("It is shown this once. Keep it; 'fleetlog token create' makes more.")
        }
        try await server.run()
    }
}
