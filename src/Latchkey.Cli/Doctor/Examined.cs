using System.CommandLine;
using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol.Messages;
using Latchkey.Server;
using Latchkey.Server.Admin;
using Latchkey.Storage;

namespace Latchkey.Cli.Doctor;

/// <summary>What the doctor looks at: settings as <c>serve</c> would read them, and the state as it would be after a start with them. Nothing is changed.</summary>
internal sealed record Examined
{
    /// <summary>How many clients that nobody declared are looked at, of either kind.</summary>
    public const int MostUndeclared = 500;

    private const string Anywhere = "https://localhost";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>The settings; null where no issuer was given, or where <c>serve</c> would refuse them.</summary>
    public ServeSettings? Settings { get; private init; }

    /// <summary>Why <c>serve</c> would refuse the settings; null if it would not.</summary>
    public string? Refusal { get; private init; }

    /// <summary>What the server itself would know; the defaults where no issuer was given.</summary>
    public required ServerOptions Options { get; init; }

    /// <summary>Where settings come from.</summary>
    public required SettingSources Sources { get; init; }

    /// <summary>The configuration files as they are written, with <c>${NAME}</c> in them.</summary>
    public required IReadOnlyList<(string Path, JsonObject Document)> Files { get; init; }

    /// <summary>Why the database could not be read; null if it was, or there is none.</summary>
    public string? DatabaseFault { get; private init; }

    /// <summary>Whether a database was read.</summary>
    public bool HasDatabase { get; private init; }

    /// <summary>Every client: the declared ones, what else the database has, and the first of those that nobody declared.</summary>
    public required IReadOnlyList<ExaminedClient> Clients { get; init; }

    /// <summary>Whether there are more clients that nobody declared than were looked at.</summary>
    public bool HasMoreUndeclared { get; private init; }

    /// <summary>Every resource.</summary>
    public required IReadOnlyList<ResourceMetadata> Resources { get; init; }

    /// <summary>Every trusted issuer.</summary>
    public required IReadOnlyList<TrustedIssuer> TrustedIssuers { get; init; }

    /// <summary>Now.</summary>
    public required DateTimeOffset Now { get; init; }

    /// <summary>Whether people and programs beyond this computer are served: what is meant for trying things is no finding otherwise.</summary>
    public bool IsPublic => Settings is null || Options.IsHttps;

    /// <summary>Reads all there is.</summary>
    /// <exception cref="SettingException">There is nothing to look at.</exception>
    /// <exception cref="AdministrationException">A file can't be read, or is no declared state.</exception>
    public static async Task<Examined> ReadAsync(ParseResult parsed, IReadOnlyList<string> files, TimeProvider clock)
    {
        var state = DeclaredStateReader.ReadFiles(files, Setting.Keys, Environment.GetEnvironmentVariable, check: false);
        var sources = new SettingSources(parsed, Environment.GetEnvironmentVariable, state.Settings);
        var (settings, refusal) = ReadSettings(sources, state);
        var (stored, fault) = await ReadDatabaseAsync(sources, needed: files.Count == 0).ConfigureAwait(false);
        var declared = state.Clients.Select(client => new ExaminedClient(client.Metadata, client.Place, client.Written) { HasDeclaredSecret = client.Secret is not null }).ToList();
        return new Examined
        {
            Settings = settings,
            Refusal = refusal,
            Options = settings?.Options ?? new ServerOptions { Issuer = Anywhere, Profile = ServeSettings.ReadProfile(sources) },
            Sources = sources,
            Files = [.. files.Select(file => (file, ReadRaw(file)))],
            HasDatabase = stored is not null,
            DatabaseFault = fault,
            Clients =
            [
                .. declared.Select(client => client with { Secrets = stored?.Secrets[client.Metadata.ClientId].ToList() ?? [] }),
                .. (stored?.Clients ?? []).Where(row => !declared.Exists(client => client.Metadata.ClientId == row.Metadata.ClientId))
                    .Select(row => new ExaminedClient(row.Metadata, "the database", null) { Secrets = stored!.Secrets[row.Metadata.ClientId].ToList() }),
                .. (stored?.Undeclared ?? []).Where(client => !declared.Exists(known => known.Metadata.ClientId == client.Metadata.ClientId)
                    && !stored!.Clients.Exists(known => known.Metadata.ClientId == client.Metadata.ClientId)),
            ],
            HasMoreUndeclared = stored?.HasMoreUndeclared == true,
            Resources = [.. state.Resources.Select(resource => resource.Metadata), .. (stored?.Resources ?? []).Where(known => state.Resources.All(resource => resource.Metadata.Resource != known.Resource))],
            TrustedIssuers =
                [.. state.TrustedIssuers.Select(issuer => issuer.Metadata), .. (stored?.Issuers ?? []).Where(known => state.TrustedIssuers.All(issuer => issuer.Metadata.Issuer != known.Issuer))],
            Now = clock.GetUtcNow(),
        };
    }

    private static (ServeSettings? Settings, string? Refusal) ReadSettings(SettingSources sources, DeclaredState state)
    {
        if (sources.Find(Setting.Issuer) is null) return (null, null);
        try
        {
            return (ServeSettings.Read(sources, state), null);
        }
        catch (SettingException exception)
        {
            return (null, exception.Message);
        }
    }

    private static JsonObject ReadRaw(string file) =>
        JsonNode.Parse(File.ReadAllText(file), documentOptions: new JsonDocumentOptions { AllowTrailingCommas = true, CommentHandling = JsonCommentHandling.Skip })!.AsObject();

    private static async Task<(Stored? Stored, string? Fault)> ReadDatabaseAsync(SettingSources sources, bool needed)
    {
        var data = Path.GetFullPath(sources.Find(Setting.Data)?.Text ?? DataFolder.Default);
        var address = DatabaseAddress.Read(sources.Find(Setting.Database), data);
        if (address.IsFile && !File.Exists(address.Path))
        {
            return !needed ? default : throw new SettingException(
                $"There is nothing to look at: there is no database {address.Path}, and no --config was given; name the data folder with --data, or the declared state with --config.");
        }

        var database = address.Open(Patience);
        await using (database.ConfigureAwait(false))
        {
            try
            {
                var stored = await ReadAsync(database).ConfigureAwait(false);
                var (undeclared, hasMore) = await ReadUndeclaredAsync(database).ConfigureAwait(false);
                return (stored with { Undeclared = undeclared, HasMoreUndeclared = hasMore }, null);
            }
            catch (DatabaseUnavailableException exception) when (!needed)
            {
                return (null, exception.Message);
            }
            catch (DbException)
            {
                return (null, "its schema is not of this version; a start of this version's server brings it in order");
            }
        }
    }

    // Its schema is left as it is: what is read here has been there from the first.
    private static ValueTask<Stored> ReadAsync(Database database) => database.ReadAsync(async sql => new Stored(
        await Storage.Clients.ListAsync(sql).ConfigureAwait(false),
        (await Storage.Clients.ListSecretsAsync(sql).ConfigureAwait(false)).ToLookup(secret => secret.ClientId, StringComparer.Ordinal),
        await Storage.Resources.ListAsync(sql).ConfigureAwait(false),
        await Storage.TrustedIssuers.ListAsync(sql).ConfigureAwait(false)));

    // An earlier version's schema may lack them.
    private static async Task<(List<ExaminedClient> Clients, bool HasMore)> ReadUndeclaredAsync(Database database)
    {
        try
        {
            var (registered, documents) = await database.ReadAsync(async sql => (
                await RegisteredClients.ListAsync(sql, "", MostUndeclared + 1).ConfigureAwait(false),
                await ClientDocuments.ListAsync(sql, "", MostUndeclared + 1).ConfigureAwait(false))).ConfigureAwait(false);
            return (
            [
                .. registered.Take(MostUndeclared).Select(row => new ExaminedClient(row.Metadata, "the database", null) { Origin = "registered itself", HasDeclaredSecret = row.SecretHash is not null }),
                .. documents.Take(MostUndeclared).Select(row => new ExaminedClient(row.Metadata, "the database", null) { Origin = "known by its document" }),
            ], registered.Count > MostUndeclared || documents.Count > MostUndeclared);
        }
        catch (DbException)
        {
            return ([], false);
        }
    }

    private sealed record Stored(List<ClientRow> Clients, ILookup<string, ClientSecret> Secrets, List<ResourceMetadata> Resources, List<TrustedIssuer> Issuers)
    {
        public List<ExaminedClient> Undeclared { get; init; } = [];

        public bool HasMoreUndeclared { get; init; }
    }
}

/// <summary>A client that the doctor looks at.</summary>
/// <param name="Metadata">What is registered of it.</param>
/// <param name="Place">Where it stands.</param>
/// <param name="Written">The members that were written down for it; null for one of the database, which keeps every member.</param>
internal sealed record ExaminedClient(ClientMetadata Metadata, string Place, IReadOnlySet<string>? Written)
{
    /// <summary>Where it comes from, if no operator declared it; null if one did.</summary>
    public string? Origin { get; init; }

    /// <summary>Whether the configuration, or its own registration, has a secret for it.</summary>
    public bool HasDeclaredSecret { get; init; }

    /// <summary>The secrets that the database has of it.</summary>
    public IReadOnlyList<ClientSecret> Secrets { get; init; } = [];

    /// <summary>What findings call it.</summary>
    public string Subject => Origin is null ? $"client {Metadata.ClientId}" : $"client {Metadata.ClientId} ({Origin})";
}
