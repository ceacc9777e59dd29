using System.Net;
using Latchkey.Testing.Misconduct;

namespace Latchkey.Testing.Browsing;

/// <summary>Where a browser came to rest: a page of an app or of the authority, or an address that it did not open, such as a client's redirect URI.</summary>
public sealed class BrowserStop
{
    internal BrowserStop(Uri url, HttpResponseMessage? response, string body, IReadOnlyDictionary<string, string>? form, IReadOnlyList<string> trail)
    {
        (Url, Response, Body, Trail) = (url, response, body, trail);
        Parameters = form ?? UrlParameters.Read(url.Query.Length > 1 ? url.Query : url.Fragment.TrimStart('#'));
    }

    /// <summary>The address.</summary>
    public Uri Url { get; }

    /// <summary>Whether it was opened; false at a client's redirect URI that no app known to the browser answers.</summary>
    public bool IsOpened => Response is not null;

    /// <summary>The answer; null if the address was not opened.</summary>
    public HttpResponseMessage? Response { get; }

    /// <summary>The status of the answer; null if the address was not opened.</summary>
    public HttpStatusCode? Status => Response?.StatusCode;

    /// <summary>The body of the answer.</summary>
    public string Body { get; }

    /// <summary>The parameters of the address, or of the form that was to be posted there (<c>form_post</c>).</summary>
    public IReadOnlyDictionary<string, string> Parameters { get; }

    /// <summary>The authorization code.</summary>
    public string? Code => Parameters.GetValueOrDefault("code");

    /// <summary>The error of an authorization response.</summary>
    public string? Error => Parameters.GetValueOrDefault("error");

    /// <summary>The state of an authorization response.</summary>
    public string? State => Parameters.GetValueOrDefault("state");

    /// <summary>The issuer of an authorization response (RFC 9207).</summary>
    public string? Issuer => Parameters.GetValueOrDefault("iss");

    /// <summary>Every step on the way here: method, address without its parameters' values, status.</summary>
    public IReadOnlyList<string> Trail { get; }

    /// <summary>Demands that an app answered here with a status of success.</summary>
    public BrowserStop ShouldHaveArrived() => Response is { IsSuccessStatusCode: true } ? this
        : throw new AuthorityAssertionException($"Expected the browser to arrive at a page, got:\n{this}");

    /// <summary>Demands a code.</summary>
    public string ShouldHaveCode() => Code ?? throw new AuthorityAssertionException($"Expected an authorization code, got:\n{this}");

    /// <summary>Where it is and how it came there.</summary>
    public override string ToString() =>
        $"{string.Join('\n', Trail)}\n{(IsOpened ? $"{(int)Status!.Value} at" : "not opened:")} {Url.GetLeftPart(UriPartial.Path)}{(Error is null ? "" : $" error={Error}")}"
        + (Body.Length == 0 ? "" : $"\n{(Body.Length > 2000 ? Body[..2000] + "…" : Body)}");
}
