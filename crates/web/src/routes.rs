//! Routes: every operation once, with the name that the contract gives it.

use crate::{app::App, asked::Asked, limits::Class};
use axum::{
    Extension, Router,
    extract::Request,
    handler::Handler,
    routing::{MethodFilter, on},
};
use domain::keys::Scope;
use http::Method;
use std::sync::Arc;
use tower::util::MapRequestLayer;

/// Which door an operation is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// Browsers and devices.
    Frontend,
    /// Backends with a secret key.
    Backend,
    /// Platforms with a platform token.
    Platform,
}

impl Face {
    /// The face's name in `contract/operations.txt`.
    pub const fn name(self) -> &'static str {
        match self {
            Face::Frontend => "frontend",
            Face::Backend => "backend",
            Face::Platform => "platform",
        }
    }
}

/// The parameters that an operation takes from its query. At the Backend and the Platform API the call refuses all others
/// ([`BackendCall`](crate::BackendCall), [`PlatformCall`](crate::PlatformCall)); at the Frontend API SDKs send more than is meant for the server,
/// and nothing is declared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asks(pub &'static [&'static str]);

/// The scope that an operation of the Platform API needs. The call looks at it before anything else of the request is read
/// ([`PlatformCall`](crate::PlatformCall)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs(pub(crate) Scope);

/// An operation.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its door.
    pub face: Face,
    /// The contract's name for it; absent from the contract if it begins with `insula.`.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path, with `{…}` for parameters.
    pub path: &'static str,
    /// What it counts for.
    pub class: Option<Class>,
    /// What its query may say, where its door refuses everything else.
    pub asks: Asks,
    /// The scope that its caller's token needs, at the Platform API.
    pub needs: Option<Scope>,
    /// The path of its handler in the code.
    pub handler: &'static str,
}

/// The operations of a door, and the router that they make.
pub struct Routes {
    face: Face,
    operations: Vec<Operation>,
    router: Router<Arc<App>>,
    class: Option<Class>,
    asks: Asks,
    needs: Option<Scope>,
}

impl Routes {
    /// None yet.
    pub fn new(face: Face) -> Routes {
        Routes { face, operations: Vec::new(), router: Router::new(), class: None, asks: Asks::default(), needs: None }
    }

    fn add<H: Handler<T, Arc<App>>, T: 'static>(mut self, filter: MethodFilter, method: Method, id: &'static str, path: &'static str, handler: H) -> Routes {
        let (class, asks) = (self.class.take(), std::mem::take(&mut self.asks));
        let usual = if method == Method::GET { Scope::ApplicationsRead } else { Scope::ApplicationsManage };
        let needs = (self.face == Face::Platform).then(|| self.needs.take().unwrap_or(usual));
        self.operations.push(Operation { face: self.face, id, method, path, class, asks, needs, handler: std::any::type_name::<H>() });
        let face = self.face;
        let noted = MapRequestLayer::new(move |mut request: Request| {
            Asked::is(face, id);
            request.extensions_mut().insert(asks);
            request.extensions_mut().insert(face);
            if let Some(scope) = needs {
                request.extensions_mut().insert(Needs(scope));
            }
            request
        });
        let served = match class {
            Some(class) => on(filter, handler.layer(Extension(class)).layer(noted)),
            None => on(filter, handler.layer(noted)),
        };
        self.router = self.router.route(path, served);
        self
    }

    /// The operation that follows counts for this.
    #[must_use]
    pub fn counted(mut self, class: Class) -> Routes {
        self.class = Some(class);
        self
    }

    /// The operation that follows takes these from its query.
    #[must_use]
    pub fn asking(mut self, names: &'static [&'static str]) -> Routes {
        self.asks = Asks(names);
        self
    }

    /// The operation that follows, of the Platform API, needs this scope instead of the one that reads or manages applications.
    #[must_use]
    pub fn needing(mut self, scope: Scope) -> Routes {
        self.needs = Some(scope);
        self
    }

    /// A `GET`.
    pub fn get<H: Handler<T, Arc<App>>, T: 'static>(self, id: &'static str, path: &'static str, handler: H) -> Routes {
        self.add(MethodFilter::GET, Method::GET, id, path, handler)
    }

    /// A `POST`.
    pub fn post<H: Handler<T, Arc<App>>, T: 'static>(self, id: &'static str, path: &'static str, handler: H) -> Routes {
        self.add(MethodFilter::POST, Method::POST, id, path, handler)
    }

    /// A `PATCH`.
    pub fn patch<H: Handler<T, Arc<App>>, T: 'static>(self, id: &'static str, path: &'static str, handler: H) -> Routes {
        self.add(MethodFilter::PATCH, Method::PATCH, id, path, handler)
    }

    /// A `PUT`.
    pub fn put<H: Handler<T, Arc<App>>, T: 'static>(self, id: &'static str, path: &'static str, handler: H) -> Routes {
        self.add(MethodFilter::PUT, Method::PUT, id, path, handler)
    }

    /// A `DELETE`.
    pub fn delete<H: Handler<T, Arc<App>>, T: 'static>(self, id: &'static str, path: &'static str, handler: H) -> Routes {
        self.add(MethodFilter::DELETE, Method::DELETE, id, path, handler)
    }

    /// All operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The router.
    pub fn into_router(self) -> Router<Arc<App>> {
        self.router
    }
}
