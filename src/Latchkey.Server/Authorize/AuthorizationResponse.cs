using Latchkey.Protocol;
using Latchkey.Protocol.Jose;
using Latchkey.Protocol.Names;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Diagnostics;
using Latchkey.Server.Hosting;
using Latchkey.Server.Pages;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>
/// Answers the client through the browser: by redirect or by a form (OAuth 2.1 section 4.1.2, OAuth 2.0 Form Post Response Mode), always with
/// <c>iss</c> (RFC 9207 section 2) and with <c>state</c> as it was sent; all of it inside a signed JWT where the request asks for one (JARM).
/// </summary>
internal sealed class AuthorizationResponse(ServerOptions options, ConfigurationSource configurations, ClientEncryption encryption, TimeProvider clock)
{
    // The browser brings it within seconds; minutes are for slow ones (JARM section 2.1 recommends ten at most).
    private const int SignedLifetimeSeconds = 300;

    /// <summary>Hands out a code.</summary>
    public Task WriteCodeAsync(HttpContext context, AuthorizationRequest request, string code) =>
        WriteAsync(context, request.Return, request.Client, [new(ParameterNames.Code, code)]);

    /// <summary>Tells the client why it gets none.</summary>
    public Task WriteErrorAsync(HttpContext context, ReturnAddress address, Client client, OAuthError error)
    {
        ServerTelemetry.Refused(context, error.Code);
        return WriteAsync(context, address, client, [new(ParameterNames.Error, error.Code), new(ParameterNames.ErrorDescription, error.Description)]);
    }

    /// <summary>The address that tells the client why it gets none, for a person to go to by themselves; null if it can't be told so.</summary>
    public async ValueTask<string?> ErrorUriAsync(ReturnAddress address, Client client, OAuthError error)
    {
        var answer = await CompleteAsync(address, client, [new(ParameterNames.Error, error.Code), new(ParameterNames.ErrorDescription, error.Description)]).ConfigureAwait(false);
        return answer.Succeeded(out var parameters, out _) ? WithQuery(address, parameters) : null;
    }

    private async Task WriteAsync(HttpContext context, ReturnAddress address, Client client, List<KeyValuePair<string, string>> answer)
    {
        var complete = await CompleteAsync(address, client, answer).ConfigureAwait(false);
        if (complete.Refused(out var error, out var parameters))
        {
            // What was to be secret is not sent in clear, not even an error.
            await context.WriteErrorPageAsync(error, AppView.Of(client.Metadata)).ConfigureAwait(false);
            return;
        }

        if (address.IsForm) await context.WriteFormPostAsync(new FormPostView(AppView.Of(client.Metadata), address.RedirectUri, parameters)).ConfigureAwait(false);
        else context.RedirectTo(WithQuery(address, parameters));
    }

    /// <summary>All that is sent: with <c>state</c> and <c>iss</c>, or the one JWT that has them inside.</summary>
    private async ValueTask<Result<List<KeyValuePair<string, string>>>> CompleteAsync(
        ReturnAddress address, Client client, List<KeyValuePair<string, string>> answer)
    {
        if (address.State is not null) answer.Add(new(ParameterNames.State, address.State));
        if (!address.IsJwt)
        {
            answer.Add(new(ParameterNames.Issuer, options.Issuer));
            return answer;
        }

        var (algorithm, content) = (client.Metadata.AuthorizationEncryptedResponseAlg, client.Metadata.AuthorizationEncryptedResponseEnc);
        if ((await encryption.EncryptAsync(Sign(client, answer), client, algorithm, content).ConfigureAwait(false)).Refused(out var error, out var response)) return error;
        return new List<KeyValuePair<string, string>> { new(ParameterNames.Response, response) };
    }

    // JARM section 2.1: issuer, audience and end, then what would have been the parameters.
    private string Sign(Client client, List<KeyValuePair<string, string>> answer)
    {
        var now = clock.GetUtcNow();
        var signer = configurations.Current.Keys.Signer(client.Metadata.AuthorizationSignedResponseAlg ?? SigningAlgorithms.RS256, now.ToUnixTimeMilliseconds());
        return JwtWriter.Write(signer, JwtTypes.AuthorizationResponse, (options.Issuer, client.Id, now, answer), static (json, claims) =>
        {
            var (issuer, audience, now, answer) = claims;
            json.WriteString(ClaimNames.Issuer, issuer);
            json.WriteString(ClaimNames.Audience, audience);
            json.WriteNumber(ClaimNames.IssuedAt, now.ToUnixTimeSeconds());
            json.WriteNumber(ClaimNames.Expiration, now.ToUnixTimeSeconds() + SignedLifetimeSeconds);
            foreach (var (name, value) in answer) json.WriteString(name, value);
        });
    }

    private static string WithQuery(ReturnAddress address, List<KeyValuePair<string, string>> answer) =>
        RedirectUri.WithQuery(address.RedirectUri, string.Join('&', answer.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}")));
}
