using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Profiles;
using Latchkey.Server.Registration;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with clients. Every change is judged by the same rules as a declared one, and audited in its own transaction.</summary>
/// <param name="database">Where the clients are kept.</param>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class ClientAdministration(Database database, TimeProvider clock, string actor)
{
    private static readonly JsonElement NoKeys = JsonElement.Parse("""{"keys":[]}""");

    /// <summary>How long a secret that is replaced stays good unless said otherwise.</summary>
    public static readonly TimeSpan DefaultOverlap = TimeSpan.FromHours(24);

    /// <summary>Every client with its secrets, by id.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public ValueTask<List<(ClientRow Client, IReadOnlyList<ClientSecret> Secrets)>> ListAsync() => database.ReadAsync(async sql =>
    {
        var secrets = (await Clients.ListSecretsAsync(sql).ConfigureAwait(false)).ToLookup(secret => secret.ClientId, StringComparer.Ordinal);
        return (await Clients.ListAsync(sql).ConfigureAwait(false)).ConvertAll(row => (row, (IReadOnlyList<ClientSecret>)[.. secrets[row.Metadata.ClientId]]));
    });

    /// <summary>One client with its secrets.</summary>
    /// <exception cref="AdministrationException">There is no such client.</exception>
    public async ValueTask<(ClientRow Client, IReadOnlyList<ClientSecret> Secrets)> FindAsync(string clientId)
    {
        var found = (await ListAsync().ConfigureAwait(false)).Find(pair => pair.Client.Metadata.ClientId == clientId);
        return found.Client is null ? throw Missing(clientId) : found;
    }

    /// <summary>The clients that nobody declared: those that registered themselves, then those whose metadata document somebody agreed to; each by id.</summary>
    /// <param name="limit">How many of either at most.</param>
    public ValueTask<List<UndeclaredClient>> ListUndeclaredAsync(int limit) => database.ReadAsync(async sql => (List<UndeclaredClient>)
    [
        .. (await RegisteredClients.ListAsync(sql, "", limit).ConfigureAwait(false)).Select(UndeclaredClient.Of),
        .. (await ClientDocuments.ListAsync(sql, "", limit).ConfigureAwait(false)).Select(UndeclaredClient.Of),
    ]);

    /// <summary>One of them; null if there is none of this id, or an operator declared it.</summary>
    public ValueTask<UndeclaredClient?> FindUndeclaredAsync(string clientId) => database.ReadAsync(async sql =>
        await Clients.FindAsync(sql, clientId).ConfigureAwait(false) is not null ? null
        : await RegisteredClients.FindAsync(sql, clientId).ConfigureAwait(false) is { } registered ? UndeclaredClient.Of(registered)
        : await ClientDocuments.FindAsync(sql, clientId).ConfigureAwait(false) is { } document ? UndeclaredClient.Of(document)
        : null);

    /// <summary>
    /// Keeps a client out that nobody declared: its grants and what people agreed to end. One that registered itself is deleted, and its id never comes
    /// back. One whose id is a URL would come back, so a client of that id is made that may nothing; deleting that one lets it in again.
    /// </summary>
    /// <returns>True if such a client was made; false if it was enough to delete it.</returns>
    /// <exception cref="AdministrationException">An operator declared the client, or there is none.</exception>
    public async Task<bool> BlockAsync(string clientId)
    {
        var audit = Audit();
        return await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if (await RegisteredClientSource.DeleteAsync(sql, clientId, audit with { Event = AuditEvents.ClientDeleted, ClientId = clientId }).ConfigureAwait(false)) return false;
            if (await Clients.FindAsync(sql, clientId).ConfigureAwait(false) is not null)
                throw new AdministrationException($"The client {clientId} was declared; change it with client update, or take it away with client delete.");
            if (!ClientIdUrl.IsMeant(clientId)) throw Missing(clientId);
            var known = await ClientDocuments.FindAsync(sql, clientId).ConfigureAwait(false);
            // Nobody holds a key of it, and there is nothing that it may do.
            var metadata = new ClientMetadata
            {
                ClientId = clientId,
                ClientName = known?.Metadata.ClientName,
                GrantTypes = [],
                ResponseTypes = [],
                TokenEndpointAuthMethod = ClientAuthenticationMethods.PrivateKeyJwt,
                Jwks = NoKeys,
            };
            Judge(metadata);
            await EndDocumentAsync(sql, clientId, audit.At).ConfigureAwait(false);
            await Clients.SaveAsync(sql, metadata, audit.At).ConfigureAwait(false);
            await Clients.SetNotBeforeAsync(sql, clientId, audit.At).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ClientChanged, ClientId = clientId, Detail = AdminDetail.Of("blocked") }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>Makes a client, with a secret if its way of authenticating needs one.</summary>
    /// <param name="metadata">What it is to be; an empty id is made at random.</param>
    /// <returns>The client as it is kept, and its secret, which can't be read again.</returns>
    /// <exception cref="AdministrationException">The metadata breaks a rule, or the id is taken; nothing was changed.</exception>
    public async Task<(ClientMetadata Client, string? Secret)> CreateAsync(ClientMetadata metadata)
    {
        if (metadata.ClientId.Length == 0) metadata = metadata with { ClientId = NewId() };
        Judge(metadata);
        await JudgeSectorAsync(metadata).ConfigureAwait(false);
        var secret = UsesSecret(metadata) ? SecretHasher.NewSecret() : null;
        var audit = Audit();
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if (await Clients.FindAsync(sql, metadata.ClientId).ConfigureAwait(false) is not null)
                throw new AdministrationException($"There is a client {metadata.ClientId} already; choose another id, or change it with client update.");
            if (await Users.FindAsync(sql, metadata.ClientId).ConfigureAwait(false) is not null)
                throw new AdministrationException($"The id {metadata.ClientId} is the sub of a user; choose another, so that tokens can't be confused.");
            await JudgeAmongAsync(sql, metadata).ConfigureAwait(false);
            await SaveAsync(sql, metadata, isNew: true, audit).ConfigureAwait(false);
            if (secret is not null) await Clients.AddSecretAsync(sql, NewSecretRow(metadata.ClientId, SecretHasher.HashGenerated(secret), audit.At)).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        return (metadata, secret);
    }

    /// <summary>Changes a client's metadata.</summary>
    /// <param name="clientId">Which.</param>
    /// <param name="change">The new metadata from the old; the id stays.</param>
    /// <returns>The client as it is kept now.</returns>
    /// <exception cref="AdministrationException">There is no such client, or the metadata would break a rule; nothing was changed.</exception>
    public async Task<ClientMetadata> UpdateAsync(string clientId, Func<ClientMetadata, ClientMetadata> change)
    {
        // Others are asked before the database is held up.
        var known = (await database.ReadAsync(sql => Clients.FindAsync(sql, clientId)).ConfigureAwait(false) ?? throw Missing(clientId)).Metadata;
        var asked = change(known) with { ClientId = clientId };
        Judge(asked);
        if (SectorDocuments.MustAsk(asked, known)) await JudgeSectorAsync(asked).ConfigureAwait(false);
        var audit = Audit();
        return await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if (await Clients.FindAsync(sql, clientId).ConfigureAwait(false) is not { } row) throw Missing(clientId);
            var metadata = change(row.Metadata) with { ClientId = clientId };
            if (SectorDocuments.MustAsk(metadata, asked)) throw new AdministrationException($"The client {clientId} was changed by somebody else meanwhile; try again.");
            Judge(metadata);
            await JudgeAmongAsync(sql, metadata).ConfigureAwait(false);
            await SaveAsync(sql, metadata, isNew: false, audit).ConfigureAwait(false);
            return metadata;
        }).ConfigureAwait(false);
    }

    /// <summary>Deletes a client and its secrets. Its grants die with it, since nobody can present them any more.</summary>
    /// <exception cref="AdministrationException">There is no such client, or a resource is represented by it.</exception>
    public async Task DeleteAsync(string clientId)
    {
        var audit = Audit();
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if (await RegisteredClientSource.DeleteAsync(sql, clientId, audit with { Event = AuditEvents.ClientDeleted, ClientId = clientId }).ConfigureAwait(false)) return true;
            if (await Clients.FindAsync(sql, clientId).ConfigureAwait(false) is null)
            {
                if (!await EndDocumentAsync(sql, clientId, audit.At).ConfigureAwait(false)) throw Missing(clientId);
                await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ClientDeleted, ClientId = clientId }).ConfigureAwait(false);
                return true;
            }

            foreach (var resource in await Resources.ListAsync(sql).ConfigureAwait(false))
            {
                if (resource.Clients.Contains(clientId))
                    throw new AdministrationException($"The client {clientId} is the resource {resource.Resource}; take it out of that resource's clients first.");
            }

            // A client that is made again under the same id must not inherit what people gave this one.
            await Clients.SetNotBeforeAsync(sql, clientId, audit.At).ConfigureAwait(false);
            await Grants.RevokeByClientAsync(sql, clientId, RevocationReasons.Operator, audit.At).ConfigureAwait(false);
            await Consents.DeleteByClientAsync(sql, clientId).ConfigureAwait(false);
            await Clients.DeleteAsync(sql, clientId).ConfigureAwait(false);
            await Declarations.DeleteAsync(sql, StateApplier.ClientSecretKind, clientId).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ClientDeleted, ClientId = clientId }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>Gives a client a new secret; the ones it has stay good for a while.</summary>
    /// <param name="clientId">Which.</param>
    /// <param name="overlap">For how long the earlier secret stays good.</param>
    /// <returns>The new secret, which can't be read again.</returns>
    /// <exception cref="AdministrationException">There is no such client, or it has no use for a secret.</exception>
    public async Task<string> RotateSecretAsync(string clientId, TimeSpan overlap)
    {
        var secret = SecretHasher.NewSecret();
        var hash = SecretHasher.HashGenerated(secret);
        var audit = Audit();
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if (await Clients.FindAsync(sql, clientId).ConfigureAwait(false) is not { } row) throw Missing(clientId);
            if (!UsesSecret(row.Metadata))
                throw new AdministrationException($"The client {clientId} authenticates with {row.Metadata.TokenEndpointAuthMethod} and has no use for a secret.");
            var until = audit.At + (long)overlap.TotalMilliseconds;
            await Clients.DeleteExpiredSecretsAsync(sql, clientId, audit.At).ConfigureAwait(false);
            // Two live side by side at most: the newest of the old ones has its time, those before it end now.
            var old = (await Clients.ListSecretsAsync(sql).ConfigureAwait(false)).Where(known => known.ClientId == clientId).ToList();
            await Clients.ExpireSecretsAsync(sql, clientId, until).ConfigureAwait(false);
            foreach (var earlier in old.SkipLast(1)) await Clients.DeleteSecretAsync(sql, clientId, earlier.Id).ConfigureAwait(false);
            await Clients.DeleteExpiredSecretsAsync(sql, clientId, audit.At).ConfigureAwait(false);
            await Clients.AddSecretAsync(sql, NewSecretRow(clientId, hash, audit.At)).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit with
            {
                Event = AuditEvents.ClientSecretRotated,
                ClientId = clientId,
                Detail = AdminDetail.Of("rotated", ("old_secret_until", DateTimeOffset.FromUnixTimeMilliseconds(until).ToString("O"))),
            }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        return secret;
    }

    /// <summary>Ends every grant that people gave a client until now, in one write; its tokens stop working where servers ask.</summary>
    /// <exception cref="AdministrationException">There is no such client.</exception>
    public async Task RevokeGrantsAsync(string clientId)
    {
        var audit = Audit();
        await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            if (await Clients.FindAsync(sql, clientId).ConfigureAwait(false) is not null)
            {
                await Clients.SetNotBeforeAsync(sql, clientId, audit.At).ConfigureAwait(false);
            }
            else
            {
                // The status lists name declared clients, whose older tokens are dead; of one that nobody declared each grant says it for itself.
                if (!await RegisteredClients.SetNotBeforeAsync(sql, clientId, audit.At).ConfigureAwait(false)
                    && !await ClientDocuments.SetNotBeforeAsync(sql, clientId, audit.At).ConfigureAwait(false)) throw Missing(clientId);
                await Grants.RevokeByClientAsync(sql, clientId, RevocationReasons.Operator, audit.At).ConfigureAwait(false);
            }

            await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.GrantRevoked, ClientId = clientId, Detail = AdminDetail.Of("all_of_client") }).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    /// <summary>Writes a client and its audit event inside the caller's transaction.</summary>
    internal static async ValueTask SaveAsync(SqlSession sql, ClientMetadata metadata, bool isNew, AuditEvent audit)
    {
        await Clients.SaveAsync(sql, metadata, audit.At).ConfigureAwait(false);
        // A client that no longer authenticates with a secret keeps none.
        if (!UsesSecret(metadata)) await Clients.DeleteSecretsAsync(sql, metadata.ClientId).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ClientChanged, ClientId = metadata.ClientId, Detail = AdminDetail.Of(isNew ? "created" : "updated") }).ConfigureAwait(false);
    }

    /// <summary>Puts one secret in the place of all others, inside the caller's transaction.</summary>
    internal static async ValueTask ReplaceSecretsAsync(SqlSession sql, string clientId, string hash, AuditEvent audit)
    {
        await Clients.DeleteSecretsAsync(sql, clientId).ConfigureAwait(false);
        await Clients.AddSecretAsync(sql, NewSecretRow(clientId, hash, audit.At)).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ClientSecretRotated, ClientId = clientId, Detail = AdminDetail.Of("declared") }).ConfigureAwait(false);
    }

    // What people gave a client whose id is a URL, and what is remembered of it.
    private static async ValueTask<bool> EndDocumentAsync(SqlSession sql, string clientId, long now)
    {
        if (!await ClientDocuments.DeleteAsync(sql, clientId, now).ConfigureAwait(false)) return false;
        await Grants.RevokeByClientAsync(sql, clientId, RevocationReasons.Operator, now).ConfigureAwait(false);
        await Consents.DeleteByClientAsync(sql, clientId).ConfigureAwait(false);
        return true;
    }

    private static bool UsesSecret(ClientMetadata metadata) =>
        metadata.TokenEndpointAuthMethod is ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost;

    private static void Judge(ClientMetadata metadata)
    {
        if (ClientRules.Fault(metadata, null) is { } fault) throw new AdministrationException($"The client can't be so: {fault}");
    }

    private async ValueTask JudgeSectorAsync(ClientMetadata metadata)
    {
        if (metadata.SectorIdentifierUri is not null && await SectorDocuments.FaultOfDeclaredAsync(metadata, clock).ConfigureAwait(false) is { } fault)
            throw new AdministrationException($"The client can't be so: {fault.Error.Description}");
    }

    // The server's own profile is not known here; what breaks it gets nothing from the server, which says so in its log.
    private static async ValueTask JudgeAmongAsync(SqlSession sql, ClientMetadata metadata)
    {
        if (metadata.Profile is not null && ProfileCheck.Fault(ProfileCheck.NoProfile, [metadata], await Resources.ListAsync(sql).ConfigureAwait(false)) is var (subject, sentence))
            throw new AdministrationException($"The client can't be so: {subject}: {sentence}");
    }

    private static AdministrationException Missing(string clientId) => new($"There is no client {clientId}; see latchkey client list.");

    private static string NewId() => "lkc_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(16));

    private static ClientSecret NewSecretRow(string clientId, string hash, long now) =>
        new(clientId, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)), hash, now, null);

    private AuditEvent Audit() => new() { At = clock.GetUtcNow().ToUnixTimeMilliseconds(), Event = "", Actor = actor };
}
