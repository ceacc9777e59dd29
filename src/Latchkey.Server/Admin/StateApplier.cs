using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Latchkey.Protocol.Messages;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;
using Latchkey.Server.Keys;
using Latchkey.Server.Login;
using Latchkey.Server.Profiles;
using Latchkey.Server.Registration;
using Latchkey.Storage;
using Microsoft.Extensions.Logging;

namespace Latchkey.Server.Admin;

/// <summary>
/// Applies declared state: what it names is created or updated in one transaction, everything else is left alone, and doing it twice changes
/// nothing. A declared password or secret counts once: when the thing is made, or when the declared value is another than the one applied last.
/// </summary>
public sealed partial class StateApplier
{
    /// <summary>The actor of what a configuration file changed.</summary>
    public const string ConfigActor = "config";

    private readonly Database _database;
    private readonly ConfigurationSource _configuration;
    private readonly UserDirectory _users;
    private readonly ServerOptions _options;
    private readonly TimeProvider _clock;
    private readonly DocumentFetcher _fetcher;
    private readonly ILogger<StateApplier> _logger;

    internal StateApplier(
        Database database, ConfigurationSource configuration, UserDirectory users, ServerOptions options, TimeProvider clock, DocumentFetcher fetcher,
        ILogger<StateApplier> logger) =>
        (_database, _configuration, _users, _options, _clock, _fetcher, _logger) = (database, configuration, users, options, clock, fetcher, logger);

    /// <summary>Applies a state and reads the configuration again if it changed.</summary>
    /// <param name="state">The state, as <see cref="DeclaredStateReader"/> read it.</param>
    /// <param name="actor">Who does it, for the audit: <c>config</c> or <c>cli</c>.</param>
    /// <returns>What changed, a line each; empty if everything was as declared.</returns>
    /// <exception cref="AdministrationException">The state contradicts what is there; nothing was changed.</exception>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached; nothing was changed.</exception>
    public async Task<IReadOnlyList<string>> ApplyAsync(DeclaredState state, string actor)
    {
        // Nodes that start at once apply the same state: who comes second finds that it was applied meanwhile, and looks again.
        while (true)
        {
            var (version, plan) = await _database.ReadAsync(async sql =>
                ((await ConfigurationVersion.ReadAsync(sql).ConfigureAwait(false)).Version, await PlanAsync(sql, state).ConfigureAwait(false))).ConfigureAwait(false);
            if (plan.IsEmpty)
            {
                // Another node may have applied it since this one last read the configuration, which it is about to serve by.
                await _configuration.RefreshAsync().ConfigureAwait(false);
                return [];
            }

            await JudgeSectorsAsync(plan).ConfigureAwait(false);
            if (!await ApplyAsync(plan, version, actor).ConfigureAwait(false)) continue;
            await _configuration.RefreshAsync().ConfigureAwait(false);
            return plan.Describe();
        }
    }

    internal const string ClientSecretKind = "client_secret";
    internal const string PasswordKind = "password";

    private long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Carries a plan out.</summary>
    /// <returns>False if the configuration has changed since the plan was made; nothing was done.</returns>
    private async Task<bool> ApplyAsync(Plan plan, long version, string actor)
    {
        // Hashing is slow by intent: outside the transaction, and side by side.
        var hashes = plan.Secrets.Select(change => Task.Run(() => change.Hash = SecretHasher.HashChosen(change.Value)))
            .Concat(plan.Passwords.Select(change => Task.Run(async () => change.Hash = await _users.HashAsync(change.Value).ConfigureAwait(false))));
        await Task.WhenAll(hashes).ConfigureAwait(false);

        var audit = new AuditEvent { At = Now, Event = "", Actor = actor };
        return await _database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if ((await ConfigurationVersion.ReadAsync(sql).ConfigureAwait(false)).Version != version) return false;
            await ConfigurationVersion.BumpAsync(sql).ConfigureAwait(false);
            foreach (var client in plan.Clients) await ClientAdministration.SaveAsync(sql, client.Metadata, client.IsNew, audit).ConfigureAwait(false);
            foreach (var secret in plan.Secrets)
            {
                await ClientAdministration.ReplaceSecretsAsync(sql, secret.Name, secret.Hash!, audit).ConfigureAwait(false);
                await Declarations.SaveAsync(sql, ClientSecretKind, secret.Name, secret.Fingerprint).ConfigureAwait(false);
            }

            foreach (var resource in plan.Resources) await ResourceAdministration.SaveAsync(sql, resource.Metadata, resource.IsNew, audit).ConfigureAwait(false);
            foreach (var issuer in plan.Issuers) await TrustedIssuerAdministration.SaveAsync(sql, issuer.Metadata, issuer.IsNew, audit).ConfigureAwait(false);
            foreach (var user in plan.Users) await SaveUserAsync(sql, user, audit).ConfigureAwait(false);
            foreach (var password in plan.Passwords)
            {
                if (!password.IsNew)
                {
                    await UserDirectory.SetPasswordAsync(
                        sql, password.Subject, password.Hash!, audit with { Event = AuditEvents.PasswordChanged, Subject = password.Subject }, audit.At).ConfigureAwait(false);
                }

                await Declarations.SaveAsync(sql, PasswordKind, password.Name, password.Fingerprint).ConfigureAwait(false);
            }

            return true;
        }).ConfigureAwait(false);
    }

    private async ValueTask<Plan> PlanAsync(SqlSession sql, DeclaredState state)
    {
        var plan = new Plan();
        var clients = (await Clients.ListAsync(sql).ConfigureAwait(false)).ToDictionary(row => row.Metadata.ClientId, row => row.Metadata, StringComparer.Ordinal);
        foreach (var declared in state.Clients)
        {
            var metadata = declared.Metadata;
            var known = clients.GetValueOrDefault(metadata.ClientId);
            if (known is null && await Users.FindAsync(sql, metadata.ClientId).ConfigureAwait(false) is not null)
                throw new AdministrationException($"{declared.Place}: the client_id {metadata.ClientId} is the sub of a user; choose another, so that tokens can't be confused.");
            if (known is null || !Same(known, metadata)) plan.Clients.Add((metadata, known is null));
            if (SectorDocuments.MustAsk(metadata, known)) plan.Sectors.Add((declared.Place, metadata));
            clients[metadata.ClientId] = metadata;
            if (declared.Secret is { } secret
                && await IsOtherAsync(sql, ClientSecretKind, metadata.ClientId, secret, known is null).ConfigureAwait(false) is { } fingerprint)
                plan.Secrets.Add(new(metadata.ClientId, secret, fingerprint));
        }

        Judge(state, clients, await PlanResourcesAsync(sql, state, clients, plan).ConfigureAwait(false));
        var issuers = (await TrustedIssuers.ListAsync(sql).ConfigureAwait(false)).ToDictionary(issuer => issuer.Issuer, StringComparer.Ordinal);
        foreach (var declared in state.TrustedIssuers)
        {
            var known = issuers.GetValueOrDefault(declared.Metadata.Issuer);
            if (known is null || !Same(known, declared.Metadata)) plan.Issuers.Add((declared.Metadata, known is null));
        }

        foreach (var declared in state.Users) await PlanUserAsync(sql, declared, clients, plan).ConfigureAwait(false);
        return plan;
    }

    // By the profiles of the server and of the clients, declared now or earlier: nothing that breaks one is started with.
    private void Judge(DeclaredState state, Dictionary<string, ClientMetadata> clients, Dictionary<string, ResourceMetadata> resources)
    {
        foreach (var client in state.Clients)
        {
            if (ProfileCheck.Overruled(client.Metadata, client.Written, _options) is { } overruled) throw new AdministrationException($"{client.Place}: {overruled}");
        }

        if (ProfileCheck.Fault(_options, clients.Values, resources.Values) is var (subject, sentence)) throw new AdministrationException($"{subject}: {sentence}");
    }

    // Others are asked outside the transaction, and only when a client is new or changes: what is declared as it was starts without them.
    private async ValueTask JudgeSectorsAsync(Plan plan)
    {
        foreach (var (place, metadata) in plan.Sectors)
        {
            if (await SectorDocuments.FaultAsync(_fetcher, metadata, Reach.Declared).ConfigureAwait(false) is { } fault)
                throw new AdministrationException($"{place}: {fault.Error.Description}");
        }
    }

    private async ValueTask<Dictionary<string, ResourceMetadata>> PlanResourcesAsync(SqlSession sql, DeclaredState state, Dictionary<string, ClientMetadata> clients, Plan plan)
    {
        var resources = (await Resources.ListAsync(sql).ConfigureAwait(false)).ToDictionary(resource => resource.Resource, StringComparer.Ordinal);
        foreach (var declared in state.Resources)
        {
            var known = resources.GetValueOrDefault(declared.Metadata.Resource);
            if (known is null || !Same(known, declared.Metadata)) plan.Resources.Add((declared.Metadata, known is null));
            resources[declared.Metadata.Resource] = declared.Metadata;
        }

        foreach (var declared in state.Resources)
        {
            if (ResourceRules.FaultAmong(declared.Metadata, resources.Values) is { } fault) throw new AdministrationException($"{declared.Place}: {fault}");
            // It may be declared elsewhere or made later; until then it is only a name.
            foreach (var client in declared.Metadata.Clients.Where(client => !clients.ContainsKey(client)))
                LogMissingClient(_logger, declared.Metadata.Resource, client, declared.Place);
        }

        return resources;
    }

    private async ValueTask PlanUserAsync(SqlSession sql, DeclaredUser declared, Dictionary<string, ClientMetadata> clients, Plan plan)
    {
        if (_users.Normalise(declared.Username) is not { } loginName)
            throw new AdministrationException($"{declared.Place}: the username is empty or longer than 256 characters; choose another.");
        var known = await Users.FindByLoginNameAsync(sql, loginName).ConfigureAwait(false);
        if (known is not null && declared.Subject is not null && known.Subject != declared.Subject)
            throw new AdministrationException($"{declared.Place}: the user {declared.Username} has the sub {known.Subject} already, and a sub never changes; take the declared one out.");
        if (known is null && declared.Subject is { } wanted)
        {
            if (clients.ContainsKey(wanted)) throw new AdministrationException($"{declared.Place}: the sub {wanted} is a client_id; choose another, so that tokens can't be confused.");
            if (await Users.FindAsync(sql, wanted).ConfigureAwait(false) is { } other)
                throw new AdministrationException($"{declared.Place}: the sub {wanted} belongs to the user {other.Username}; choose another.");
        }

        var subject = known?.Subject ?? declared.Subject ?? UserDirectory.NewSubject();
        var claims = known is null ? declared.Claims : UserAdministration.Merge(known.Claims, declared.Claims);
        ValueChange? change = null;
        if (declared.Password is { } password && await IsOtherAsync(sql, PasswordKind, loginName, password, known is null).ConfigureAwait(false) is { } fingerprint)
            plan.Passwords.Add(change = new(loginName, password, fingerprint) { Subject = subject, IsNew = known is null });
        if (known is null || !UserAdministration.Same(known.Claims, claims) || known.Username != declared.Username.Trim())
            plan.Users.Add(new(subject, declared.Username.Trim(), loginName, claims, known, change));
    }

    // The fingerprint to remember, or null if this value was applied before.
    private async ValueTask<string?> IsOtherAsync(SqlSession sql, string kind, string name, string value, bool isNew)
    {
        var keys = _configuration.Current.Keys;
        var last = isNew ? null : await Declarations.FindAsync(sql, kind, name).ConfigureAwait(false);
        if (last is not null && last.Length > 2 && byte.TryParse(last.AsSpan(0, 2), System.Globalization.NumberStyles.HexNumber, null, out var number)
            && keys.Find(KeyPurposes.Declared, number) is { } earlier
            && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(last), Encoding.ASCII.GetBytes(Fingerprint(earlier, kind, name, value))))
            return null;
        return Fingerprint(keys.Current(KeyPurposes.Declared, Now), kind, name, value);
    }

    private static string Fingerprint(SymmetricKey key, string kind, string name, string value) =>
        $"{key.Number:x2}{Base64Url.EncodeToString(HMACSHA256.HashData(key.Secret, Encoding.UTF8.GetBytes($"{kind}\0{name}\0{value}")))}";

    private static async ValueTask SaveUserAsync(SqlSession sql, UserChange change, AuditEvent audit)
    {
        var entry = audit with { Event = AuditEvents.UserChanged, Subject = change.Subject, Detail = AdminDetail.Of(change.Known is null ? "created" : "updated") };
        if (change.Known is { } known)
        {
            await Users.UpdateAsync(sql, known with { Username = change.Username, LoginName = change.LoginName, Claims = change.Claims, UpdatedAt = audit.At }).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, entry).ConfigureAwait(false);
            return;
        }

        var user = new User
        {
            Subject = change.Subject,
            Username = change.Username,
            LoginName = change.LoginName,
            PasswordHash = change.Password?.Hash,
            SecurityStamp = UserDirectory.NewStamp(),
            Claims = change.Claims,
            CreatedAt = audit.At,
            UpdatedAt = audit.At,
        };
        if (!await UserDirectory.InsertAsync(sql, user, entry).ConfigureAwait(false))
            throw new AdministrationException($"The user {change.Username} can't be made: the name or its sub was taken a moment ago; apply it again.");
    }

    private static bool Same(ClientMetadata left, ClientMetadata right) =>
        JsonSerializer.Serialize(left, MessagesJson.Default.ClientMetadata) == JsonSerializer.Serialize(right, MessagesJson.Default.ClientMetadata);

    private static bool Same(ResourceMetadata left, ResourceMetadata right) =>
        JsonSerializer.Serialize(left, MessagesJson.Default.ResourceMetadata) == JsonSerializer.Serialize(right, MessagesJson.Default.ResourceMetadata);

    private static bool Same(TrustedIssuer left, TrustedIssuer right) =>
        JsonSerializer.Serialize(left, MessagesJson.Default.TrustedIssuer) == JsonSerializer.Serialize(right, MessagesJson.Default.TrustedIssuer);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The resource {Resource} names the client {Client}, which does not exist, so nobody can introspect its tokens as that client ({Place})")]
    private static partial void LogMissingClient(ILogger logger, string resource, string client, string place);

    /// <summary>What has to be changed.</summary>
    private sealed class Plan
    {
        public List<(ClientMetadata Metadata, bool IsNew)> Clients { get; } = [];

        /// <summary>Clients that name a sector, where something else must stand there now than before.</summary>
        public List<(string Place, ClientMetadata Metadata)> Sectors { get; } = [];

        public List<ValueChange> Secrets { get; } = [];

        public List<(ResourceMetadata Metadata, bool IsNew)> Resources { get; } = [];

        public List<(TrustedIssuer Metadata, bool IsNew)> Issuers { get; } = [];

        public List<UserChange> Users { get; } = [];

        public List<ValueChange> Passwords { get; } = [];

        public bool IsEmpty => Clients.Count + Secrets.Count + Resources.Count + Issuers.Count + Users.Count + Passwords.Count == 0;

        public List<string> Describe() =>
        [
            .. Clients.Select(client => $"client {client.Metadata.ClientId} {Word(client.IsNew)}"),
            .. Secrets.Where(secret => !Clients.Exists(client => client.IsNew && client.Metadata.ClientId == secret.Name)).Select(secret => $"client {secret.Name}: secret set"),
            .. Resources.Select(resource => $"resource {resource.Metadata.Resource} {Word(resource.IsNew)}"),
            .. Issuers.Select(issuer => $"trusted issuer {issuer.Metadata.Issuer} {Word(issuer.IsNew)}"),
            .. Users.Select(user => $"user {user.Username} {Word(user.Known is null)}"),
            .. Passwords.Where(password => !password.IsNew).Select(password => $"user {password.Subject}: password set"),
        ];

        private static string Word(bool isNew) => isNew ? "created" : "updated";
    }

    /// <summary>A password or secret to be set.</summary>
    private sealed class ValueChange(string name, string value, string fingerprint)
    {
        public string Name => name;

        public string Value => value;

        public string Fingerprint => fingerprint;

        public string Subject { get; init; } = "";

        public bool IsNew { get; init; }

        public string? Hash { get; set; }
    }

    private sealed record UserChange(
        string Subject, string Username, string LoginName, IReadOnlyDictionary<string, JsonElement> Claims, User? Known, ValueChange? Password);
}
