using System.Collections.Concurrent;
using System.Net;
using Latchkey.Testing.Browsing;
using Latchkey.Testing.Misconduct;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;

namespace Latchkey.Testing.Mock;

/// <summary>
/// Signs in and allows in the place of people, through the authority's own pages: who sends a browser here gets the answer at once. Each person has a
/// browser that stays signed in, so that <c>prompt=none</c> works after the first time.
/// </summary>
internal sealed class AutomaticApproval(TestAuthority authority, string user)
{
    // Marks the requests that are made here, lest they be answered here again.
    private const string Inner = "Latchkey-Mock-Inner";

    private readonly string _secret = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));
    private readonly ConcurrentDictionary<string, (AuthorityBrowser Browser, SemaphoreSlim Turn)> _browsers = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>Answers an authorization request; false if it is none, or one that is made here.</summary>
    public async Task<bool> AnswerAsync(Exchange exchange, string path)
    {
        var request = exchange.Request;
        if (path != "/authorize" || !HttpMethods.IsGet(request.Method) || request.Headers[Inner] == _secret) return false;
        var stop = await OpenAsync(request.Query["login_hint"], request.GetEncodedUrl()).ConfigureAwait(false);
        if (stop.IsOpened)
        {
            await exchange.AnswerAsync((int)stop.Status!, stop.Response!.Content.Headers.ContentType?.ToString(), stop.Body).ConfigureAwait(false);
        }
        else if (stop.Url.Query.Length > 1)
        {
            exchange.Response.Headers.Location = stop.Url.AbsoluteUri;
            await exchange.AnswerAsync(302, null, "").ConfigureAwait(false);
        }
        else
        {
            var fields = string.Concat(stop.Parameters.Select(field => $"<input type=\"hidden\" name=\"{WebUtility.HtmlEncode(field.Key)}\" value=\"{WebUtility.HtmlEncode(field.Value)}\">"));
            await exchange.AnswerAsync(200, "text/html; charset=utf-8",
                $"<!doctype html><title>Back</title><body onload=\"document.forms[0].submit()\"><form method=\"post\" action=\"{WebUtility.HtmlEncode(stop.Url.AbsoluteUri)}\">{fields}<button type=\"submit\">Continue</button></form>").ConfigureAwait(false);
        }

        return true;
    }

    /// <summary>Allows a device that just got its code.</summary>
    public async Task ApproveDeviceAsync(Exchange exchange, string path)
    {
        if (path != "/device/code" || (string?)exchange.Json()?["user_code"] is not { } code) return;
        await OpenAsync(null, authority.Options.Endpoint("/device") + "?user_code=" + Uri.EscapeDataString(code)).ConfigureAwait(false);
    }

    private async Task<BrowserStop> OpenAsync(string? hint, string url)
    {
        var (browser, turn) = _browsers.GetOrAdd(hint is not null && authority.Knows(hint) ? hint : user, name =>
            (authority.Browser(name).CloseTab().Knows(new Site(new Uri(authority.Issuer), new InnerHandler(authority.CreateHandler(), _secret))), new SemaphoreSlim(1)));
        await turn.WaitAsync().ConfigureAwait(false);
        try
        {
            return await browser.OpenAsync(url).ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    private sealed class InnerHandler(HttpMessageHandler inner, string secret) : DelegatingHandler(inner)
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            request.Headers.Add(Inner, secret);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
