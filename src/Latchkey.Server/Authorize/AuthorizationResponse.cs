using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Diagnostics;
using Latchkey.Server.Hosting;
using Latchkey.Server.Pages;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>
/// Answers the client through the browser: by redirect or by a form (OAuth 2.1 section 4.1.2, OAuth 2.0 Form Post Response Mode), always with
/// <c>iss</c> (RFC 9207 section 2) and with <c>state</c> as it was sent.
/// </summary>
internal sealed class AuthorizationResponse(ServerOptions options)
{
    /// <summary>Hands out a code.</summary>
    public Task WriteCodeAsync(HttpContext context, AuthorizationRequest request, string code) =>
        WriteAsync(context, request.Return, request.Client, [new(ParameterNames.Code, code)]);

    /// <summary>Tells the client why it gets none.</summary>
    public Task WriteErrorAsync(HttpContext context, ReturnAddress address, Client client, OAuthError error)
    {
        ServerTelemetry.Refused(context, error.Code);
        return WriteAsync(context, address, client, [new(ParameterNames.Error, error.Code), new(ParameterNames.ErrorDescription, error.Description)]);
    }

    /// <summary>The address that tells the client why it gets none, for a person to go to by themselves.</summary>
    public string ErrorUri(ReturnAddress address, OAuthError error) =>
        WithAnswer(address, [new(ParameterNames.Error, error.Code), new(ParameterNames.ErrorDescription, error.Description)]);

    private Task WriteAsync(HttpContext context, ReturnAddress address, Client client, List<KeyValuePair<string, string>> answer)
    {
        if (address.ResponseMode == ResponseModes.FormPost)
        {
            Complete(address, answer);
            return context.WriteFormPostAsync(new FormPostView(AppView.Of(client.Metadata), address.RedirectUri, answer));
        }

        context.RedirectTo(WithAnswer(address, answer));
        return Task.CompletedTask;
    }

    private void Complete(ReturnAddress address, List<KeyValuePair<string, string>> answer)
    {
        if (address.State is not null) answer.Add(new(ParameterNames.State, address.State));
        answer.Add(new(ParameterNames.Issuer, options.Issuer));
    }

    private string WithAnswer(ReturnAddress address, List<KeyValuePair<string, string>> answer)
    {
        Complete(address, answer);
        return RedirectUri.WithQuery(address.RedirectUri, string.Join('&', answer.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}")));
    }
}
