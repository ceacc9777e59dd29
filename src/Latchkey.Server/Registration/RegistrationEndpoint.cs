using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Admin;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Fetching;
using Latchkey.Server.Hosting;
using Latchkey.Server.Profiles;
using Latchkey.Storage;
using Latchkey.Verification.Jose;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Registration;

/// <summary>Clients register themselves (RFC 7591), and later read, change or delete what they registered (RFC 7592).</summary>
internal sealed class RegistrationEndpoint(
    ServerOptions options, Database database, SoftwareStatements statements, DocumentFetcher fetcher, RateLimits limits, Auditor auditor, TimeProvider clock)
{
    /// <summary>What a registration access token begins with, so that secret scanners find it.</summary>
    public const string TokenPrefix = "lkg_";

    private const int MaximumSize = 32 * 1024;

    // Whoever fills the table with clients that nobody uses is stopped here; a week later they are gone.
    private const int MostUnused = 10_000;

    /// <summary><c>POST /register</c> (RFC 7591 section 3).</summary>
    public async Task RegisterAsync(HttpContext context)
    {
        // 1. May they?
        if (Authorize(context).Refused(out var error, out var caller))
        {
            await RefuseAsync(context, null, error).ConfigureAwait(false);
            return;
        }

        // 2. What do they say, and who stands behind it?
        if ((await ReadAsync(context).ConfigureAwait(false)).Refused(out error, out var request)
            || (error = await statements.ApplyAsync(request).ConfigureAwait(false)) is not null)
        {
            await RefuseAsync(context, null, error).ConfigureAwait(false);
            return;
        }

        var clientId = RegisteredClientSource.Prefix + Random(16);
        if ((await JudgeAsync(request, clientId, caller.IsTrusted).ConfigureAwait(false)).Refused(out error, out var metadata))
        {
            await RefuseAsync(context, null, error).ConfigureAwait(false);
            return;
        }

        // 3. Both secrets, of which only hashes stay.
        var now = Now;
        var secret = NeedsSecret(metadata) ? SecretHasher.NewSecret() : null;
        var token = TokenPrefix + Random(32);
        var row = new RegisteredClient
        {
            Metadata = metadata,
            SecretHash = secret is null ? null : SecretHasher.HashGenerated(secret),
            TokenHash = Hash(token),
            CreatedAt = now,
            UpdatedAt = now,
        };
        var audit = auditor.Event(context, AuditEvents.ClientChanged) with { Actor = clientId, ClientId = clientId, Detail = AdminDetail.Of("registered") };
        var written = await database.WriteAsync(async sql =>
        {
            if (!caller.IsTrusted && await RegisteredClients.CountUnusedAsync(sql, MostUnused).ConfigureAwait(false) >= MostUnused) return false;
            await RegisteredClients.InsertAsync(sql, row).ConfigureAwait(false);
            // What acts for itself is never agreed to by a person, so it counts as used.
            if (metadata.Allows(GrantTypes.ClientCredentials)) await RegisteredClients.NoteUsedAsync(sql, clientId, now).ConfigureAwait(false);
            await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        if (!written)
        {
            await RefuseAsync(context, null, OAuthError.TemporarilyUnavailable("Too many registered clients have never been used; try again later, or use a client_id that is the URL of your metadata."))
                .ConfigureAwait(false);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status201Created;
        await WriteAsync(context, row, secret, token, request["software_statement"]).ConfigureAwait(false);
    }

    /// <summary><c>GET /register/{client_id}</c> (RFC 7592 section 2.1).</summary>
    public async Task ReadAsync(HttpContext context, string clientId)
    {
        if (await FindAsync(context, clientId).ConfigureAwait(false) is { } row) await WriteAsync(context, row, null, null, null).ConfigureAwait(false);
    }

    /// <summary><c>PUT /register/{client_id}</c> (RFC 7592 section 2.2): what is left out is no longer so.</summary>
    public async Task UpdateAsync(HttpContext context, string clientId)
    {
        if (await FindAsync(context, clientId).ConfigureAwait(false) is not { } row) return;
        if ((await ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var request)
            || (error = Fault(request, row)) is not null
            || (error = await statements.ApplyAsync(request).ConfigureAwait(false)) is not null)
        {
            await RefuseAsync(context, clientId, error).ConfigureAwait(false);
            return;
        }

        // A client that was let act for itself may go on doing so.
        if ((await JudgeAsync(request, clientId, row.Metadata.Allows(GrantTypes.ClientCredentials)).ConfigureAwait(false)).Refused(out error, out var metadata))
        {
            await RefuseAsync(context, clientId, error).ConfigureAwait(false);
            return;
        }

        var now = Now;
        var secret = NeedsSecret(metadata) && row.SecretHash is null ? SecretHasher.NewSecret() : null;
        var hash = !NeedsSecret(metadata) ? null : secret is null ? row.SecretHash : SecretHasher.HashGenerated(secret);
        var audit = auditor.Event(context, AuditEvents.ClientChanged) with { Actor = clientId, ClientId = clientId, Detail = AdminDetail.Of("updated") };
        var written = await database.WriteAsync(async sql =>
        {
            if (!await RegisteredClients.UpdateAsync(sql, clientId, metadata, hash, now).ConfigureAwait(false)) return false;
            await AuditLog.AppendAsync(sql, audit).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        if (!written) await RefuseTokenAsync(context).ConfigureAwait(false);
        else await WriteAsync(context, row with { Metadata = metadata, SecretHash = hash, UpdatedAt = now }, secret, null, request["software_statement"]).ConfigureAwait(false);
    }

    /// <summary><c>DELETE /register/{client_id}</c> (RFC 7592 section 2.3): its grants and what people agreed to go with it.</summary>
    public async Task DeleteAsync(HttpContext context, string clientId)
    {
        if (await FindAsync(context, clientId).ConfigureAwait(false) is null) return;
        var audit = auditor.Event(context, AuditEvents.ClientDeleted) with { Actor = clientId, ClientId = clientId };
        await database.WriteAsync(sql => RegisteredClientSource.DeleteAsync(sql, clientId, audit)).ConfigureAwait(false);
        context.NoStore();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private long Now => clock.GetUtcNow().ToUnixTimeMilliseconds();

    private static string Random(int bytes) => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(bytes));

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static bool NeedsSecret(ClientMetadata metadata) =>
        metadata.TokenEndpointAuthMethod is ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost;

    private static string? BearerToken(HttpContext context) =>
        context.Request.Headers.Authorization is [{ } header] && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase) && header.Length <= 1024
            ? header["Bearer ".Length..].Trim()
            : null;

    private Result<Caller> Authorize(HttpContext context)
    {
        var source = RateLimits.Source(context);
        TimeSpan retryAfter;
        if (options.InitialAccessToken is { } initial && BearerToken(context) is { } token)
        {
            // Hashed first, so that not even the length can be told from the time it takes.
            if (CryptographicOperations.FixedTimeEquals(Hash(token), Hash(initial))) return new Caller(IsTrusted: true);
            if (!limits.ClientSecret.TryTake(source, out retryAfter)) return RateLimits.Refuse(context, retryAfter);
            return OAuthError.InvalidToken("The initial access token is wrong; ask the people who run this server for it.");
        }

        if (options.Registration != RegistrationMode.Open)
            return OAuthError.InvalidToken("Clients are registered here with an initial access token; send it as Authorization: Bearer.");
        return limits.Registration.TryTake(source, out retryAfter) ? new Caller(IsTrusted: false) : RateLimits.Refuse(context, retryAfter);
    }

    private static async ValueTask<Result<JsonObject>> ReadAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.ContentType is not { } type || !type.Split(';')[0].Trim().Equals("application/json", StringComparison.OrdinalIgnoreCase))
            return Malformed("Send the metadata as JSON, with Content-Type: application/json.");
        if (request.ContentLength > MaximumSize) return TooLarge;
        var buffer = new byte[MaximumSize + 1];
        var length = 0;
        while (length < buffer.Length)
        {
            var read = await request.Body.ReadAsync(buffer.AsMemory(length), context.RequestAborted).ConfigureAwait(false);
            if (read == 0) break;
            length += read;
        }

        if (length > MaximumSize) return TooLarge;
        if (!JsonMembers.IsText(buffer.AsSpan(0, length))) return Malformed("The request is not in UTF-8, or holds half a character.");
        try
        {
            return JsonNode.Parse(buffer.AsSpan(0, length), documentOptions: new() { AllowDuplicateProperties = false, MaxDepth = 16 }) is JsonObject members
                ? members
                : Malformed("The request is no JSON object.");
        }
        catch (JsonException)
        {
            return Malformed("The request is no well-formed JSON, or says something twice.");
        }
    }

    private static OAuthError Malformed(string description) => new("invalid_client_metadata", description);

    private static OAuthError TooLarge => new("invalid_client_metadata", $"The request is larger than {MaximumSize / 1024} KiB.", StatusCodes.Status413PayloadTooLarge);

    // What others are asked about comes last: whoever sends nonsense makes the server ask nobody.
    private async ValueTask<Result<ClientMetadata>> JudgeAsync(JsonObject request, string clientId, bool isTrusted)
    {
        if (Judge(request, clientId, isTrusted).Refused(out var error, out var metadata)) return error;
        return await SectorDocuments.FaultAsync(fetcher, metadata, options.ReachOfAnybody).ConfigureAwait(false) is { Error: var fault } ? fault : metadata;
    }

    private Result<ClientMetadata> Judge(JsonObject request, string clientId, bool isTrusted)
    {
        using var document = JsonDocument.Parse(request.ToJsonString());
        if (!SelfRegisteredMetadata.ReadRegistration(document.RootElement, clientId, isTrusted).Refused(out var error, out var metadata))
            return ClientTerms.Of(metadata, options).Requirements.Unmet is { } unmet ? Malformed(unmet) : metadata;
        // The rules speak of the request as of a document; here it is the request.
        return error with { Description = error.Description.StartsWith("has ", StringComparison.Ordinal) ? $"The request {error.Description}" : error.Description };
    }

    // What RFC 7592 section 2.2 forbids in an update, and what it says of client_id and client_secret.
    private static OAuthError? Fault(JsonObject request, RegisteredClient row)
    {
        foreach (var name in (ReadOnlySpan<string>)["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"])
        {
            if (request.ContainsKey(name)) return OAuthError.InvalidRequest($"The member {name} can't be set; leave it out (RFC 7592 section 2.2).");
        }

        if (Text(request, "client_id") != row.Metadata.ClientId) return OAuthError.InvalidRequest("The member client_id must be there and be the client's own.");
        if (request.ContainsKey("client_secret") && (Text(request, "client_secret") is not { } secret || row.SecretHash is null || !SecretHasher.Verify(row.SecretHash, secret)))
            return OAuthError.InvalidRequest("The member client_secret is not the client's present secret; leave it out.");
        return null;
    }

    private static string? Text(JsonObject members, string name) =>
        members[name] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private async ValueTask<RegisteredClient?> FindAsync(HttpContext context, string clientId)
    {
        var row = BearerToken(context) is not null && RegisteredClientSource.IsId(clientId)
            ? await database.ReadAsync(sql => RegisteredClients.FindAsync(sql, clientId)).ConfigureAwait(false)
            : null;
        if (row is not null && CryptographicOperations.FixedTimeEquals(row.TokenHash, Hash(BearerToken(context)!))) return row;
        await RefuseTokenAsync(context).ConfigureAwait(false);
        return null;
    }

    // A client that is gone and a token that is wrong look the same (RFC 7592 section 2.1).
    private Task RefuseTokenAsync(HttpContext context) =>
        RefuseAsync(context, null, OAuthError.InvalidToken("There is no such client, or the registration access token is not its own."));

    private Task RefuseAsync(HttpContext context, string? clientId, OAuthError error)
    {
        auditor.Note(auditor.Event(context, AuditEvents.ClientChanged) with { Outcome = AuditOutcomes.Refused, ClientId = clientId, Detail = $"{{\"error\":\"{error.Code}\"}}" });
        if (error.Status == StatusCodes.Status401Unauthorized)
            context.Response.Headers.WWWAuthenticate = context.Request.Headers.Authorization.Count > 0 ? "Bearer error=\"invalid_token\"" : "Bearer";
        return context.WriteErrorAsync(error);
    }

    private Task WriteAsync(HttpContext context, RegisteredClient row, string? secret, string? token, JsonNode? statement)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("client_id"u8, row.Metadata.ClientId);
            json.WriteNumber("client_id_issued_at"u8, row.CreatedAt / 1000);
            if (secret is not null) json.WriteString("client_secret"u8, secret);
            // Needed wherever a secret is; 0 says that it does not end.
            if (secret is not null) json.WriteNumber("client_secret_expires_at"u8, 0);
            if (token is not null) json.WriteString("registration_access_token"u8, token);
            json.WriteString("registration_client_uri"u8, options.Endpoint($"/register/{row.Metadata.ClientId}"));
            // With what a profile of the server turned on (RFC 7591 section 3.2.1).
            SelfRegisteredMetadata.WriteMembers(json, ClientTerms.Of(row.Metadata, options).Metadata);
            if (statement is not null)
            {
                json.WritePropertyName("software_statement"u8);
                statement.WriteTo(json);
            }

            json.WriteEndObject();
        }

        context.NoStore();
        return context.WriteJsonAsync(buffer.WrittenMemory);
    }

    /// <summary>Who registers.</summary>
    /// <param name="IsTrusted">Whether they have the initial access token.</param>
    private sealed record Caller(bool IsTrusted);
}
