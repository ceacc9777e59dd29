using Latchkey.Server.Account;
using Latchkey.Server.Authorize;
using Latchkey.Server.Consent;
using Latchkey.Server.Device;
using Latchkey.Server.Hosting;
using Latchkey.Server.Login;
using Latchkey.Server.Logout;
using Latchkey.Server.Pages;
using RazorSlices;

namespace Latchkey.Server.Tests.Pages;

/// <summary>Every page in every state it has, with one text in each place that somebody else's words can come to.</summary>
internal static class PageSamples
{
    public const string RedirectUri = "https://app.example.com/callback";
    private const long Now = 1_795_476_000_000;

    private static readonly Dictionary<string, Func<string, RazorSlice>> Pages = new()
    {
        ["home"] = words => HomePage.Create(new HomeView(words)),
        ["login"] = words => LoginPage.Create(new LoginView(words, words, App(words), words)),
        ["login, no match"] = words => LoginPage.Create(new LoginView(words, words, App(words), words, LoginError.NoMatch)),
        ["login, too many"] = words => LoginPage.Create(new LoginView(words, null, null, words, LoginError.TooManyAttempts, TimeSpan.FromSeconds(3))),
        ["select account"] = words => SelectAccountPage.Create(new SelectAccountView(words, words, App(words), Person(words))),
        ["select account, nobody"] = words => SelectAccountPage.Create(new SelectAccountView(words, words, null, null)),
        ["consent"] = words => ConsentPage.Create(Consent(words, DestinationKind.Site)),
        ["consent, computer"] = words => ConsentPage.Create(Consent(words, DestinationKind.ThisComputer)),
        ["consent, app"] = words => ConsentPage.Create(Consent(words, DestinationKind.App)),
        ["device"] = words => DevicePage.Create(new DeviceView(words, words)),
        ["device, no such code"] = words => DevicePage.Create(new DeviceView(words, words, DeviceError.NoSuchCode)),
        ["device, too many"] = words => DevicePage.Create(new DeviceView(words, words, DeviceError.TooManyAttempts, TimeSpan.FromSeconds(6))),
        ["device, question"] = words => DeviceConfirmPage.Create(
            new DeviceConfirmView(words, words, App(words), Person(words), Groups(words), Now, Now, words, words, words)),
        ["device, allowed"] = words => DeviceDonePage.Create(new DeviceDoneView(App(words), Person(words), true)),
        ["device, denied"] = words => DeviceDonePage.Create(new DeviceDoneView(App(words), Person(words), false)),
        ["logout"] = words => LogoutPage.Create(new LogoutView(words, Person(words), App(words), words)),
        ["logout, alone"] = words => LogoutPage.Create(new LogoutView(words, Person(words))),
        ["logged out"] = words => LoggedOutPage.Create(new LoggedOutView(App(words), RedirectUri, [App(words)], [App(words)], ["https://app.example.com/logout?sid=" + Uri.EscapeDataString(words)])),
        ["logged out, alone"] = _ => LoggedOutPage.Create(new LoggedOutView()),
        ["error"] = words => Latchkey.Server.Pages.ErrorPage.Create(new ErrorView("Title", "Text", "Advice", words, words, words, Now, App(words), RedirectUri)),
        ["error, no app"] = words => Latchkey.Server.Pages.ErrorPage.Create(new ErrorView("Title", "Text", "Advice", words, words, words, Now)),
        ["account"] = words => AccountPage.Create(Account(words, null)),
        ["account, changed"] = words => AccountPage.Create(Account(words, AccountNotice.PasswordChanged)),
        ["account, wrong password"] = words => AccountPage.Create(Account(words, AccountNotice.WrongPassword)),
        ["account, waiting"] = words => AccountPage.Create(Account(words, AccountNotice.RequestDenied) with
        {
            Waiting = [new(words, App(words), words, Groups(words), Now, words), new(words, App(words), null, Groups(words), Now, null)],
        }),
        ["account, request allowed"] = words => AccountPage.Create(Account(words, AccountNotice.RequestAllowed)),
        ["account, request over"] = words => AccountPage.Create(Account(words, AccountNotice.RequestOver)),
        ["account, empty"] = words => AccountPage.Create(new AccountView(words, Person(words), words, [], [], [], Now)),
    };

    /// <summary>The names of the pages that post to this server, or to none.</summary>
    public static TheoryData<string> Names => [.. Pages.Keys];

    /// <summary>The names of all pages, the one that posts to the client among them.</summary>
    public static TheoryData<string> AllNames => [.. Pages.Keys, "form_post"];

    /// <summary>Renders a page with these words in it.</summary>
    public static Task<RenderedPage> RenderAsync(string name, string words, string? formAction = null) => name == "form_post"
        ? RenderedPage.OfAsync(context => context.WriteFormPostAsync(new FormPostView(App(words), RedirectUri, [KeyValuePair.Create(words, words)])))
        : RenderedPage.OfAsync(Pages[name](words), formAction);

    public static AppView App(string words) => new(words, words, "https://logo.example.com/" + Uri.EscapeDataString(words[..Math.Min(40, words.Length)]) + "\"onerror=\"x");

    private static PersonView Person(string words) => new(words, "d" + words);

    private static ConsentView Consent(string words, DestinationKind kind) => new(words, words, App(words), Person(words), Groups(words), [new DetailView(words, words, [new DetailLine(words, words)])], new(kind, words));

    private static IReadOnlyList<ScopeGroupView> Groups(string words) =>
        [new(words, Foreign: true, [new(words, words), new(null, words), new(words, null)]), new("Who you are", Foreign: false, [new("See your email address", "email")])];

    private static AccountView Account(string words, AccountNotice? notice) => new(
        words, Person(words), words, [new("Name", words, Verified: true)],
        [new(words, words, words, Now, Now, Current: true), new(words, words, words, Now, Now, Current: false)],
        [new(words, App(words), Groups(words), Now, Now, words, IsBound: true)], Now, Notice: notice);
}
