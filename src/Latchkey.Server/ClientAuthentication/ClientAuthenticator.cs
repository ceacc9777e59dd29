using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>
/// Finds out which client sent a request and whether it is that client (RFC 6749 section 2.3). An unknown client and a wrong secret get the same
/// answer after the same work.
/// </summary>
internal sealed class ClientAuthenticator(
    ServerOptions options, ClientDirectory directory, ClientAssertions assertions, CertificateAuthentication certificates, RateLimits limits, Auditor auditor,
    TimeProvider clock) : IDisposable
{
    // The slow hash never has all processors: a flood of wrong secrets can't starve those who have the right one.
    private readonly SemaphoreSlim _slowHashes = new(Math.Max(1, Environment.ProcessorCount / 2));

    private static readonly OAuthError Failed = OAuthError.InvalidClient("The client is unknown or its credentials are wrong.");

    /// <summary>The methods that exist, as discovery lists them; those by certificate are <see cref="CertificateAuthentication"/>'s.</summary>
    public static IReadOnlyList<string> MethodsSupported { get; } =
    [
        ClientAuthenticationMethods.ClientSecretBasic, ClientAuthenticationMethods.ClientSecretPost, ClientAuthenticationMethods.PrivateKeyJwt,
        ClientAuthenticationMethods.None,
    ];

    /// <summary>Authenticates the client of a request.</summary>
    /// <param name="context">The request, for its Authorization header.</param>
    /// <param name="form">Its form.</param>
    /// <param name="configuration">The clients there are.</param>
    /// <returns>
    /// The client; <c>invalid_request</c> if it used two methods at once or named two ids; <c>invalid_client</c> if it is not who it says it is.
    /// </returns>
    public async ValueTask<Result<Client>> AuthenticateAsync(HttpContext context, Parameters form, ServerConfiguration configuration)
    {
        var header = context.Request.Headers.Authorization;
        var bySecret = form[ParameterNames.ClientSecret];
        var byAssertion = form[ParameterNames.ClientAssertion] is not null || form[ParameterNames.ClientAssertionType] is not null;

        BasicCredentials? basic = null;
        if (header.Count > 0)
        {
            if (bySecret is not null || byAssertion)
            {
                return OAuthError.InvalidRequest(
                    $"The request authenticates twice, with the Authorization header and with {(byAssertion ? "client_assertion" : "client_secret")}; use one.");
            }

            if (header.Count > 1 || BasicCredentials.Read(header[0] ?? "") is not { } credentials)
            {
                Note(context, null);
                return OAuthError.InvalidClient("The Authorization header is not Basic with base64 of client_id:client_secret.");
            }

            basic = credentials;
        }
        else if (bySecret is not null && byAssertion)
        {
            return OAuthError.InvalidRequest("The request authenticates twice, with client_secret and with client_assertion; use one.");
        }

        var outcome = basic is not null ? await ByBasicAsync(context, basic, form, configuration).ConfigureAwait(false)
            : byAssertion ? await assertions.AuthenticateAsync(context, form, configuration).ConfigureAwait(false)
            : await ByFormAsync(context, form, configuration).ConfigureAwait(false);
        if (outcome.Error is { Code: "invalid_client" })
            Note(context, configuration.FindClient(basic?.ClientId ?? form[ParameterNames.ClientId])?.Id);
        return outcome;
    }

    /// <summary>Answers a refusal; a client that used the Authorization header is told how to use it (RFC 6749 section 5.2).</summary>
    public Task WriteFailureAsync(HttpContext context, OAuthError error)
    {
        if (error.Status == StatusCodes.Status401Unauthorized && context.Request.Headers.Authorization.Count > 0)
            context.Response.Headers.WWWAuthenticate = $"Basic realm=\"{options.Issuer}\", charset=\"UTF-8\"";
        return context.WriteErrorAsync(error);
    }

    /// <inheritdoc />
    public void Dispose() => _slowHashes.Dispose();

    private async ValueTask<Result<Client>> ByBasicAsync(HttpContext context, BasicCredentials basic, Parameters form, ServerConfiguration configuration)
    {
        var named = form[ParameterNames.ClientId];
        if (named is not null && named != basic.ClientId && named != basic.RawClientId)
            return OAuthError.InvalidRequest("The client_id of the form is not the one of the Authorization header; send one client_id.");
        var found = await directory.FindAsync(basic.ClientId, configuration, context).ConfigureAwait(false);
        if (ReferenceEquals(found.Error, ClientDirectory.Unknown) && basic.RawClientId != basic.ClientId)
            found = await directory.FindAsync(basic.RawClientId, configuration, context).ConfigureAwait(false);
        if (!found.Succeeded(out var client, out var error) && !ReferenceEquals(error, ClientDirectory.Unknown)) return error;
        if (client is { Metadata.IsPublic: true } && basic.RawSecret.Length == 0) return client;
        return await WithSecretAsync(context, client, basic.Secret, basic.RawSecret).ConfigureAwait(false);
    }

    private async ValueTask<Result<Client>> ByFormAsync(HttpContext context, Parameters form, ServerConfiguration configuration)
    {
        if (form[ParameterNames.ClientId] is not { } clientId)
            return OAuthError.InvalidClient("The request names no client; send client_id, or authenticate with the Authorization header.");
        var found = await directory.FindAsync(clientId, configuration, context).ConfigureAwait(false);
        if (!found.Succeeded(out var client, out var error) && !ReferenceEquals(error, ClientDirectory.Unknown)) return error;
        var secret = form[ParameterNames.ClientSecret];
        if (secret is null && client is not null && CertificateAuthentication.IsMethod(client.Metadata.TokenEndpointAuthMethod))
            return await certificates.AuthenticateAsync(context, client).ConfigureAwait(false);
        // An empty secret counts as none, so that libraries that always send one can be public clients.
        if (secret is null && client is { Metadata.IsPublic: true }) return client;
        return await WithSecretAsync(context, client, secret ?? "", secret ?? "").ConfigureAwait(false);
    }

    private async ValueTask<Result<Client>> WithSecretAsync(HttpContext context, Client? client, string secret, string rawSecret)
    {
        // 1. What microseconds can tell: secrets that we made, and those that were right before.
        var slow = new List<ClientSecret>();
        if (client is { Metadata.TokenEndpointAuthMethod: ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost })
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            foreach (var candidate in client.Secrets)
            {
                if (candidate.ExpiresAt <= now) continue;
                if (SecretHasher.VerifyQuickly(candidate.Hash, secret) is not { } known) slow.Add(candidate);
                else if (known || (secret != rawSecret && SecretHasher.Verify(candidate.Hash, rawSecret))) return client;
            }
        }

        // 2. The rest is slow, and may be guessing. The permit is taken when the turn comes, so that many who are right wait and none is refused.
        await _slowHashes.WaitAsync(context.RequestAborted).ConfigureAwait(false);
        try
        {
            var source = RateLimits.Source(context);
            if (!limits.ClientSecret.TryTake(source, out var retryAfter)) return RateLimits.Refuse(context, retryAfter);
            foreach (var candidate in slow)
            {
                if (!SecretHasher.Verify(candidate.Hash, secret) && (secret == rawSecret || !SecretHasher.Verify(candidate.Hash, rawSecret))) continue;
                limits.ClientSecret.GiveBack(source);
                return client!;
            }

            if (slow.Count == 0) SecretHasher.Pretend(secret);
            return Failed;
        }
        finally
        {
            _slowHashes.Release();
        }
    }

    private void Note(HttpContext context, string? clientId) =>
        auditor.Note(auditor.Event(context, AuditEvents.ClientAuthenticationFailed) with { Outcome = AuditOutcomes.Refused, ClientId = clientId });
}
