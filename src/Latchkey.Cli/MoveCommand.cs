using System.CommandLine;
using System.Text.Json.Nodes;
using Latchkey.Server.Admin;
using Latchkey.Storage;
using Latchkey.Storage.Sqlite;

namespace Latchkey.Cli;

/// <summary><c>latchkey move</c>: copies a whole installation from a database file into PostgreSQL.</summary>
internal static class MoveCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private static readonly Option<string> From = new("--from") { Description = "The database that is: sqlite:PATH", HelpName = "URL", Required = true };
    private static readonly Option<string?> To = new("--to")
    {
        Description = "The database that will be, empty: postgres://user:password@host:5432/name; several times to spread people over as many", HelpName = "URL", Required = true,
    };

    public static Command Create()
    {
        Setting.Several(To);
        var command = new Command("move", "Copy everything that a server keeps from its database file into an empty PostgreSQL. Stop the server first.") { From, To }.WithExample(
            "latchkey move --from sqlite:data/latchkey.db --to postgres://latchkey:secret@db.example.com/latchkey --data ./data",
            "The key ring is read from --data. The file is not changed: start the server with --database and what --to said, and keep the file until you are content.");
        command.Options.Add(Setting.Data.Option);
        command.Options.Add(AdminCommand.Json);
        command.SetAction(async (parsed, _) =>
        {
            await RunAsync(parsed).ConfigureAwait(false);
            return CommandLine.Done;
        });
        return command;
    }

    private static async Task RunAsync(ParseResult parsed)
    {
        var data = Path.GetFullPath(new SettingSources(parsed, Environment.GetEnvironmentVariable, new Dictionary<string, DeclaredSetting>()).Find(Setting.Data)?.Text ?? DataFolder.Default);
        var source = DatabaseAddress.Read(new SettingValue(parsed.GetValue(From)!, "--from"), data);
        var target = DatabaseAddress.Read(new SettingValue(parsed.GetValue(To)!, "--to"), data);
        if (!source.IsFile || target.IsFile) throw new SettingException("A move goes from a file to PostgreSQL: write --from sqlite:PATH and --to postgres://user:password@host:5432/name.");
        if (!File.Exists(source.Path)) throw new SettingException($"There is no database {source.Path}; name the server's with --from.");
        var keyRing = DataFolder.KeyRing(data);
        if (!keyRing.Exists || keyRing.GetFiles("*.xml").Length == 0) throw new SettingException($"There is no key ring in {keyRing}; name the server's data folder with --data.");
        if (ServiceMark.IsHeld(source.Path)) throw new AdministrationException($"A server runs on {source.Path}; stop it first, or what it still writes would be left behind.");

        var output = new Output(parsed.GetValue(AdminCommand.Json));
        var from = source.Open(Patience);
        await using (from.ConfigureAwait(false))
        {
            var to = target.Open(Patience);
            await using (to.ConfigureAwait(false))
            {
                await from.MigrateAsync().ConfigureAwait(false);
                await to.MigrateAsync().ConfigureAwait(false);
                var counts = new JsonObject();
                var total = 0L;
                await DatabaseCopy.RunAsync(from, to, (table, rows) =>
                {
                    total += rows;
                    counts[table] = rows;
                    if (!output.IsJson) Console.Out.WriteLine($"{table}: {rows}");
                }).ConfigureAwait(false);
                var elements = keyRing.GetFiles("*.xml").OrderBy(file => file.LastWriteTimeUtc)
                    .Select(file => (Path.GetFileNameWithoutExtension(file.Name), File.ReadAllText(file.FullName))).ToList();
                await to.WriteAsync(async sql =>
                {
                    foreach (var (name, element) in elements) await KeyRingElements.AddAsync(sql, name, element).ConfigureAwait(false);
                    return true;
                }).ConfigureAwait(false);
                output.Done($"{total} rows and {elements.Count} keys of the key ring are in {to.Location}.", new JsonObject { ["tables"] = counts, ["key_ring"] = elements.Count });
            }
        }
    }
}
